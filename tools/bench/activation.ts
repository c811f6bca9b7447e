/**
 * What the extension costs a window that opens, in a served VS Code, on 10,000 checkpoints: loading its bundle and activate() in
 * CPU time of the extension host, until the first model in seconds, then listing the tasks of Run Task, in the same moment and
 * once the window is at rest. Several builds (clones in which `node esbuild.mjs --production` ran) take turns.
 * usage: tsx tools/bench/activation.ts RUNS STARTS [CLONE ...]   RUNS has experiments/ (make_data.py runs, or stopped)
 */
import path from 'node:path';
import { measureInWindow, median } from './window';

/** Stands before the extension's own entry. */
const MEASURED = `
const vscode = require('vscode');
const before = process.cpuUsage();
const extension = require(ENTRY);
const load = spent(before);
exports.activate = (context) => {
  const started = performance.now();
  const before = process.cpuUsage();
  const api = extension.activate(context);
  const activate = spent(before);
  void api.workspaces.ready().then(async () => {
    const model = performance.now() - started;
    const runs = api.workspaces.runs.length;
    const modelCpu = spent(before);
    const listed = async () => {
      const asked = [performance.now(), process.cpuUsage()];
      await vscode.tasks.fetchTasks({ type: 'npt' });
      return [performance.now() - asked[0], spent(asked[1])];
    };
    const [atOnce, atOnceCpu] = await listed();
    await rest();
    const [atRest, atRestCpu] = await listed();
    report({ load, activate, model, modelCpu, runs, atOnce, atOnceCpu, atRest, atRestCpu });
  });
  return api;
};
`;

/** Milliseconds; `model`, `atOnce` and `atRest` are wall time, the others CPU time. The last four are of Run Task's list. */
interface Figures {
  readonly load: number;
  readonly activate: number;
  readonly model: number;
  readonly modelCpu: number;
  readonly atOnce: number;
  readonly atOnceCpu: number;
  readonly atRest: number;
  readonly atRestCpu: number;
  readonly runs: number;
}

async function main(workspace: string, starts: number, clones: readonly string[]): Promise<void> {
  const found = new Map<string, Figures[]>(clones.map((clone) => [clone, []]));
  for (let turn = 0; turn < starts; turn += 1) {
    for (const [clone, figures] of found) figures.push(await measureInWindow<Figures>(clone, workspace, MEASURED));
  }
  for (const [clone, figures] of found) {
    const of = (name: keyof Figures): number => median(figures.map((each) => each[name]));
    process.stdout.write(
      `${clone}: bundle ${of('load').toFixed(1)} ms, activate() ${of('activate').toFixed(1)} ms of CPU time; ` +
        `first model of ${of('runs')} runs after ${(of('model') / 1000).toFixed(2)} s ` +
        `(${(of('modelCpu') / 1000).toFixed(2)} s of CPU time); Run Task's list after ${of('atOnce').toFixed(0)} ms ` +
        `(${of('atOnceCpu').toFixed(0)} ms of CPU time) in that moment, ${of('atRest').toFixed(0)} ms ` +
        `(${of('atRestCpu').toFixed(0)}) at rest; medians of ${figures.length} starts\n`,
    );
  }
}

const [workspace, starts, ...clones] = process.argv.slice(2);
if (workspace === undefined || !(Number(starts) >= 1))
  throw new Error('usage: tsx tools/bench/activation.ts RUNS STARTS [CLONE ...]');
main(
  path.resolve(workspace),
  Number(starts),
  clones.length === 0 ? [process.cwd()] : clones.map((each) => path.resolve(each)),
).then(
  () => {
    process.exit(0);
  },
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
