/**
 * What 20 runs that train cost a window that opens, in a served VS Code: from activate() to a model that shows them all as training,
 * in the rush of its opening and once everything else of it is at rest, beside the same runs once they have ended. Wall time, and CPU time of the extension host. Processes that do nothing stand for the
 * trainers: what an adoption looks at is process.json and the system's table of processes.
 * usage: tsx tools/bench/adoption.ts STARTS [CLONE ...]   a CLONE is where `node esbuild.mjs --production` ran
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { procStat, thisHost } from '../../src/core/thisHost';
import { FixtureWorkspace, metricsLine } from '../../test/unit/experiment/fixtureWorkspace';
import { measureInWindow, median } from './window';

const RUNS = 20;
const CHECKPOINTS = 20;
const LINES = 10_000;

/** Stands before the extension's own entry. */
const MEASURED = `
const vscode = require('vscode');
const extension = require(ENTRY);
exports.activate = async (context) => {
  if (AT_REST) await rest();
  const started = performance.now();
  const before = process.cpuUsage();
  const api = extension.activate(context);
  void api.workspaces.ready().then(() => {
    const model = performance.now() - started;
    const training = api.workspaces.runs.filter((run) => run.state === 'training').length;
    report({ model, cpu: spent(before), training, runs: api.workspaces.runs.length });
  });
  return api;
};
`;

interface Figures {
  /** Milliseconds. */
  readonly model: number;
  readonly cpu: number;
  readonly training: number;
  readonly runs: number;
}

function makeRun(ws: FixtureWorkspace, index: number, trainer: ChildProcess): void {
  const name = `run-${index}`;
  const folder = ws.run(name);
  for (let at = 1; at <= CHECKPOINTS; at += 1) ws.checkpoint(name, at * 10);
  ws.metrics(
    name,
    Array.from({ length: LINES }, (_, at) => metricsLine(at + 1, 1 / (at + 1))),
  );
  const { ino, dev } = statSync(folder);
  ws.write(`${name}/process.json`, {
    ...{ schema: 1, host: thisHost().name, boot_id: thisHost().bootId, pid: trainer.pid, started: Date.now() / 1000 },
    ...{ start_ticks: procStat(trainer.pid ?? 0)?.startTicks ?? 0, launcher: 'local', job: null, segment: 1 },
    folder: { device: dev, inode: ino, path: folder },
  });
}

async function main(starts: number, clones: readonly string[]): Promise<void> {
  const ws = new FixtureWorkspace();
  const trainers = Array.from({ length: RUNS }, () => spawn('sleep', ['infinity'], { stdio: 'ignore' }));
  try {
    for (const [index, trainer] of trainers.entries()) makeRun(ws, index + 1, trainer);
    const measure = async (clone: string, training: number, atRest = false): Promise<Figures> => {
      const figures = await measureInWindow<Figures>(clone, ws.root, MEASURED.replace('AT_REST', String(atRest)));
      if (figures.runs !== RUNS || figures.training !== training)
        throw new Error(`${figures.training} of ${figures.runs} runs were shown as training`);
      return figures;
    };
    const live = new Map<string, Figures[]>(clones.map((clone) => [clone, []]));
    const liveAtRest = new Map<string, Figures[]>(clones.map((clone) => [clone, []]));
    const ended = new Map<string, Figures[]>(clones.map((clone) => [clone, []]));
    for (let turn = 0; turn < starts; turn += 1)
      for (const clone of clones) {
        live.get(clone)?.push(await measure(clone, RUNS));
        liveAtRest.get(clone)?.push(await measure(clone, RUNS, true));
      }
    for (let index = 1; index <= RUNS; index += 1) rmSync(path.join(ws.experiments, `run-${index}`, 'process.json'));
    for (let turn = 0; turn < starts; turn += 1)
      for (const [clone, figures] of ended) figures.push(await measure(clone, 0));
    for (const clone of clones) {
      const of = (figures: readonly Figures[] = []): string => {
        const [wall, cpu] = [figures.map(({ model }) => model), figures.map((each) => each.cpu)];
        return `${median(wall).toFixed(0)} ms (fastest ${Math.min(...wall).toFixed(0)}; ${median(cpu).toFixed(0)} ms of CPU time)`;
      };
      process.stdout.write(
        `${clone}: ${RUNS} live runs adopted ${of(live.get(clone))} after activate() in a window that opens, ` +
          `${of(liveAtRest.get(clone))} in one at rest; the same runs ended, as it opens, ${of(ended.get(clone))}; ` +
          `medians of ${starts} starts\n`,
      );
    }
  } finally {
    for (const trainer of trainers) trainer.kill('SIGKILL');
    ws.remove();
  }
}

const [starts, ...clones] = process.argv.slice(2);
if (!(Number(starts) >= 1)) throw new Error('usage: tsx tools/bench/adoption.ts STARTS [CLONE ...]');
main(Number(starts), clones.length === 0 ? [process.cwd()] : clones.map((each) => path.resolve(each))).then(
  () => {
    process.exit(0);
  },
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
