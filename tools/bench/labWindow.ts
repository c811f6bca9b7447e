/**
 * What the extension costs a real extension host on a lab's experiments (500 runs of 100 checkpoints), in a served VS Code:
 * until the tree has rows, until the model is complete (with nothing kept, then with what that window kept), the longest time
 * that the host's thread was held, memory above the idle host, inotify watches, a window in which nothing happens, and how long a
 * checkpoint takes from its rename to the tree while 20 runs write. `node esbuild.mjs --production` has to have run.
 * usage: [RUNS=500] tsx tools/bench/labWindow.ts SCRATCH [SECONDS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { makeWorkspace } from './labWorkspace';
import { measureInWindow } from './window';

/** Stands before the extension's own entry. */
const MEASURED = String.raw`
const fs = require('node:fs');
const vscode = require('vscode');
const { spawn } = require('node:child_process');
const idleSeconds = Number(process.env.NPT_BENCH_IDLE);
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const megabytes = () => process.memoryUsage().rss / 2 ** 20;
const watches = () => fs.readdirSync('/proc/self/fdinfo').reduce((sum, fd) => {
  try { return sum + (fs.readFileSync('/proc/self/fdinfo/' + fd, 'utf8').match(/^inotify /gm) ?? []).length; } catch { return sum; }
}, 0);
const before = { memory: megabytes(), watches: watches() };
let began = 0, tree, provider;
const createTreeView = vscode.window.createTreeView;
const window = new Proxy(vscode.window, {
  get: (target, name) => name !== 'createTreeView' ? target[name] : (id, options) => {
    if (id === 'npt.experiments') {
      provider = options.treeDataProvider;
      const getChildren = provider.getChildren.bind(provider);
      provider.getChildren = async (node) => {
        const rows = await getChildren(node);
        if (node === undefined && rows.length > 0) tree ??= performance.now() - began;
        return rows;
      };
    }
    return createTreeView(id, options);
  },
});
const Module = require('node:module');
const load = Module._load;
const api = new Proxy(vscode, { get: (target, name) => name === 'window' ? window : target[name] });
Module._load = function (name, ...rest) { return name === 'vscode' ? api : load.call(this, name, ...rest); };
const extension = require(ENTRY);
Module._load = load;
let last = performance.now(), held = 0;
setInterval(() => { const now = performance.now(); held = Math.max(held, now - last - 5); last = now; }, 5);
const takeHeld = () => { const most = held; held = 0; return most; };

const WRITER = [
  'const fs = require("fs"), path = require("path"), [experiments, runs, ms] = process.argv.slice(1);',
  'const names = fs.readdirSync(experiments).slice(0, Number(runs)); let step = 5000;',
  'const save = (run) => { step += 10; const folder = path.join(experiments, run, "checkpoints");',
  '  const draft = path.join(folder, ".tmp-checkpoint-" + step + "-host-1"); fs.mkdirSync(draft); const files = {};',
  '  for (const name of ["npt_weights.pt", "training_state.pt", "multi_layer_state.pt", "config.json"])',
  '    { fs.writeFileSync(path.join(draft, name), "{}"); files[name] = { bytes: 2 }; }',
  '  fs.writeFileSync(path.join(draft, "manifest.json"), JSON.stringify({ schema: 1, step, stage: "student", time: Date.now() / 1000, metrics: {}, files }));',
  '  fs.renameSync(draft, path.join(folder, "checkpoint-" + step)); };',
  'for (const [at, run] of names.entries()) setTimeout(() => setInterval(save, 2000, run), at * 97);',
  'setTimeout(() => process.exit(), Number(ms));',
].join('\n');

async function whileRunsWrite(extensionApi) {
  const times = [], seen = new Set();
  const began = Date.now() / 1000;
  const look = () => {
    const now = Date.now() / 1000;
    for (const run of extensionApi.workspaces.runs) for (const each of run.checkpoints.slice(-30)) {
      if (each.time < began || seen.has(each.path)) continue;
      seen.add(each.path);
      times.push((now - each.time) * 1000);
    }
  };
  const listener = provider.onDidChangeTreeData(look);
  const writer = spawn(process.execPath, ['-e', WRITER, extensionApi.workspaces.all[0].experiments, '20', '20000'], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
  });
  await new Promise((resolve) => writer.on('exit', resolve));
  await after(1000);
  listener.dispose();
  times.sort((a, b) => a - b);
  return { shown: times[times.length >> 1], slowest: times[times.length - 1], saves: times.length };
}

/** Percent of a core that this process takes. */
async function shareOfCore(seconds) {
  const cpu = process.cpuUsage(), since = performance.now();
  await after(seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 10 / (performance.now() - since);
}

exports.activate = async (context) => {
  let idleWithout = null;
  if (idleSeconds > 0) {
    // What opening a window sets off has to be over.
    await after(20000);
    idleWithout = await shareOfCore(60);
  }
  last = began = performance.now();
  held = 0;
  const extensionApi = extension.activate(context);
  void (async () => {
    void vscode.commands.executeCommand('npt.experiments.focus');
    await extensionApi.workspaces.ready();
    const complete = performance.now() - began;
    const heldAtFirst = takeHeld();
    const { runs } = extensionApi.workspaces;
    await after(10000);
    const heldThen = takeHeld();
    const memory = megabytes() - before.memory;
    const idle = idleSeconds > 0 ? await shareOfCore(idleSeconds) : null;
    const figures = { tree, complete, heldAtFirst, heldThen, memory, later: megabytes() - before.memory, watches: watches() - before.watches };
    const heldIdle = takeHeld();
    const wrote = idleSeconds > 0 ? await whileRunsWrite(extensionApi) : null;
    report({ ...figures, runs: runs.length, checkpoints: runs.reduce((sum, run) => sum + run.checkpoints.length, 0), idle, idleWithout, heldIdle, wrote });
  })().catch((error) => report({ error: String(error?.stack) }));
  return extensionApi;
};
`;

/** Milliseconds, megabytes and percent of a core. */
interface Figures {
  readonly error?: string;
  readonly tree: number;
  readonly complete: number;
  readonly heldAtFirst: number;
  readonly heldThen: number;
  readonly memory: number;
  readonly later: number;
  readonly watches: number;
  readonly runs: number;
  readonly checkpoints: number;
  readonly idle: number | null;
  /** Of the host before the extension began. */
  readonly idleWithout: number | null;
  readonly heldIdle: number;
  readonly wrote: { readonly shown: number; readonly slowest: number; readonly saves: number } | null;
}

async function main(scratch: string, seconds: number): Promise<void> {
  const root = mkdtempSync(path.join(scratch, 'lab-'));
  try {
    const workspace = path.join(root, 'ws');
    makeWorkspace(workspace);
    // What changed within the last seconds is not kept.
    await after(3000);
    const windows = [
      ['nothing kept', 0],
      ['with what that window kept', seconds],
    ] as const;
    for (const [title, idleSeconds] of windows) {
      const env = { XDG_CACHE_HOME: path.join(root, 'cache'), NPT_BENCH_IDLE: String(idleSeconds) };
      const figures = await measureInWindow<Figures>(process.cwd(), workspace, MEASURED, env);
      if (figures.error !== undefined) throw new Error(figures.error);
      const { idle, idleWithout, wrote } = figures;
      const of = (name: keyof Figures): string => Number(figures[name]).toFixed(0);
      process.stdout.write(
        `${title}: ${figures.runs} runs, ${figures.checkpoints} checkpoints: rows in the tree after ${of('tree')} ms, ` +
          `the complete model after ${of('complete')} ms, thread held for at most ${of('heldAtFirst')} ms, in the 10 s ` +
          `after that ${of('heldThen')} ms; ${of('memory')} MB above the idle host, then ${of('later')}; ${figures.watches} watches\n`,
      );
      if (idle === null || idleWithout === null || wrote === null) continue;
      process.stdout.write(
        `nothing happens for ${seconds} s: ${idle.toFixed(2)} % of a core, ${idleWithout.toFixed(2)} before the extension began, thread held for at most ${of('heldIdle')} ms; ` +
          `20 runs write: a checkpoint shows after ${wrote.shown.toFixed(0)} ms (median of ${wrote.saves}, slowest ${wrote.slowest.toFixed(0)})\n`,
      );
    }
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

const [scratch, seconds] = process.argv.slice(2);
if (scratch === undefined) throw new Error('usage: tsx tools/bench/labWindow.ts SCRATCH [SECONDS]');
main(path.resolve(scratch), Number(seconds ?? 300)).then(
  () => {
    process.exit(0);
  },
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
