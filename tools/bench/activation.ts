/**
 * What the extension costs a window that opens, in a served VS Code, on 10,000 checkpoints: loading its bundle and
 * activate() in CPU time of the extension host, until the first model in seconds, then listing the tasks of Run Task. Several builds (clones in which
 * `node esbuild.mjs --production` ran) take turns.
 * usage: tsx tools/bench/activation.ts RUNS STARTS [CLONE ...]   RUNS has experiments/ (make_data.py runs, or stopped)
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureVscodeHost } from '../setup/vscode-host.mjs';
import { startWorkbench } from '../vscode-host/server.mjs';
import { launchBrowser } from '../../test/vscode/browser';

const LIMIT_MS = 180_000;

/** Stands before the extension's own entry, and writes what that took to $NPT_BENCH_RESULT. */
const MEASURED = `
const { writeFileSync, renameSync } = require('node:fs');
const vscode = require('vscode');
const spent = (before) => { const { user, system } = process.cpuUsage(before); return (user + system) / 1000; };
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
    const result = process.env.NPT_BENCH_RESULT;
    const runs = api.workspaces.runs.length;
    const modelCpu = spent(before);
    const asked = [performance.now(), process.cpuUsage()];
    await vscode.tasks.fetchTasks({ type: 'npt' });
    const [tasks, tasksCpu] = [performance.now() - asked[0], spent(asked[1])];
    writeFileSync(result + '.part', JSON.stringify({ load, activate, model, modelCpu, runs, tasks, tasksCpu }));
    renameSync(result + '.part', result);
  });
  return api;
};
`;

/** Milliseconds; `model` and `tasks` are wall time, the others CPU time. */
interface Figures {
  readonly load: number;
  readonly activate: number;
  readonly model: number;
  readonly modelCpu: number;
  readonly tasks: number;
  readonly tasksCpu: number;
  readonly runs: number;
}

/** An extensions folder with the clone's build in it, measured. */
function install(clone: string, extensions: string): void {
  const folder = path.join(extensions, 'npt-checkpoints.npt-checkpoints-0.1.0');
  mkdirSync(folder, { recursive: true });
  for (const part of ['dist', 'media', 'supervisor', 'package.nls.json'])
    cpSync(path.join(clone, part), path.join(folder, part), { recursive: true });
  const manifest = JSON.parse(readFileSync(path.join(clone, 'package.json'), 'utf8')) as { main: string };
  const entry = manifest.main;
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ ...manifest, main: './measured.js' }));
  writeFileSync(path.join(folder, 'measured.js'), MEASURED.replace('ENTRY', JSON.stringify(entry)));
}

/** One window's start. */
async function start(clone: string, workspace: string): Promise<Figures> {
  const data = mkdtempSync(path.join(os.tmpdir(), 'npt-activation-'));
  const result = path.join(data, 'result.json');
  install(clone, path.join(data, 'extensions'));
  const workbench = await startWorkbench(await ensureVscodeHost(), data, {
    env: { NPT_BENCH_RESULT: result },
    args: ['--disable-workspace-trust'],
  });
  const browser = await launchBrowser();
  const watching = new AbortController();
  try {
    const written = new Promise<void>((resolve, reject) => {
      watch(data, { signal: watching.signal }, (_, name) => {
        if (name === path.basename(result)) resolve();
      });
      setTimeout(() => {
        reject(new Error(`The extension was not ready within ${LIMIT_MS / 1000} s: ${workbench.log().slice(-2000)}`));
      }, LIMIT_MS).unref();
    });
    await browser.page.goto(workbench.address(workspace));
    await written;
    return JSON.parse(readFileSync(result, 'utf8')) as Figures;
  } finally {
    watching.abort();
    await browser.close();
    await workbench.stop();
    rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function main(workspace: string, starts: number, clones: readonly string[]): Promise<void> {
  const found = new Map<string, Figures[]>(clones.map((clone) => [clone, []]));
  for (let turn = 0; turn < starts; turn += 1) {
    for (const [clone, figures] of found) figures.push(await start(clone, workspace));
  }
  for (const [clone, figures] of found) {
    const of = (name: keyof Figures): number => median(figures.map((each) => each[name]));
    process.stdout.write(
      `${clone}: bundle ${of('load').toFixed(1)} ms, activate() ${of('activate').toFixed(1)} ms of CPU time; ` +
        `first model of ${of('runs')} runs after ${(of('model') / 1000).toFixed(2)} s ` +
        `(${(of('modelCpu') / 1000).toFixed(2)} s of CPU time); Run Task's list after ${of('tasks').toFixed(0)} ms ` +
        `(${of('tasksCpu').toFixed(0)} ms of CPU time); medians of ${figures.length} starts\n`,
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
