/**
 * A lab's experiments: 500 runs of 100 checkpoints. What the watcher costs a window: the first model, without and with what an
 * earlier process kept, scans of everything again, and a workspace in which nothing happens, in CPU time of processes that do
 * nothing else; beside it chokidar, which watches all of it. Then `list` beside `ls -lR`, where `node esbuild.mjs --production`
 * ran.
 * usage: [RUNS=500] node --expose-gc -r tsx/cjs tools/bench/lab.ts SCRATCH [SECONDS]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { watch } from 'chokidar';
import { openKeptScan } from '../../src/core/experiment/keptScan';
import { WorkspaceWatcher } from '../../src/core/experiment/watch';
import { makeWorkspace } from './labWorkspace';

/** Milliseconds of this process's CPU time, and on the clock. */
async function measured(work: () => Promise<unknown>): Promise<{ cpu: number; wall: number }> {
  const before = process.cpuUsage();
  const began = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1000, wall: performance.now() - began };
}

/** How many folders and files the system watches for this process; null where it does not say. */
function watches(): number | null {
  try {
    let count = 0;
    for (const descriptor of readdirSync('/proc/self/fd')) {
      const link = `/proc/self/fd/${descriptor}`;
      try {
        if (readlinkSync(link) !== 'anon_inode:inotify') continue;
      } catch {
        continue; // closed meanwhile
      }
      count += readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8').match(/^inotify /gm)?.length ?? 0;
    }
    return count;
  } catch {
    return null;
  }
}

function megabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 2 ** 20;
}

function say(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(46)} ${figure}\n`);
}

const ms = ({ cpu, wall }: { cpu: number; wall: number }): string =>
  `${cpu.toFixed(0)} ms of CPU time (${wall.toFixed(0)} ms on the clock)`;

/** One process: what a window does, in what it finds kept in `cache`. */
async function window(root: string, cache: string, seconds: number): Promise<void> {
  const before = megabytes();
  const began = performance.now();
  let shown: number | undefined;
  const watcher = new WorkspaceWatcher(root, {
    keep: (experiments) => openKeptScan(experiments, { cache }),
    onDidChange: () => (shown ??= performance.now() - began),
  });
  say('the first model', ms(await measured(() => watcher.rescan('changes'))));
  say('its first runs', `${(shown ?? Number.NaN).toFixed(0)} ms on the clock`);
  // What follows the first model: its watches, and keeping it.
  say('the 5 s after that', ms(await measured(() => after(5_000))));
  if (seconds > 0) {
    const idle = await measured(() => after(seconds * 1000));
    say(`nothing happens for ${seconds} s`, `${((100 * idle.cpu) / idle.wall).toFixed(2)} % of a core`);
  }
  for (const look of ['changes', 'folders', 'everything'] as const) {
    say(`everything again, looking at ${look}`, ms(await measured(() => watcher.rescan(look))));
  }
  const found = watcher.current.runs.reduce((sum, run) => sum + run.checkpoints.length, 0);
  const memory = `${(megabytes() - before).toFixed(0)} MB, ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} of them in use`;
  say(`${found} checkpoints in memory`, `${memory}; ${watches() ?? '?'} watches`);
  watcher.dispose();
}

/** One process: everything below `root` watched by chokidar, which says what is there and what changes, and no more. */
async function watchedByChokidar(root: string, seconds: number): Promise<void> {
  const before = megabytes();
  const watcher = watch(path.join(root, 'experiments'));
  const ready = new Promise<void>((resolve) => watcher.once('ready', resolve));
  let failed: string | undefined;
  watcher.on('error', (error) => (failed ??= error instanceof Error ? error.message : 'it does not say why'));
  say('all of it seen', ms(await measured(() => ready)));
  await after(5_000);
  if (seconds > 0) {
    const idle = await measured(() => after(seconds * 1000));
    say(`nothing happens for ${seconds} s`, `${((100 * idle.cpu) / idle.wall).toFixed(2)} % of a core`);
  }
  say('in memory', `${(megabytes() - before).toFixed(0)} MB; ${watches() ?? '?'} watches`);
  // Where the system gives no more watches, whatever lies in the folders that got none changes unseen.
  if (failed !== undefined) say('what it could not watch, first', failed);
  await watcher.close();
}

/** Seconds of a command; the output goes nowhere. */
function seconds(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ended with ${status ?? 'a signal'}: ${stderr}`);
  return (performance.now() - began) / 1000;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

function listed(root: string, cache: string): void {
  const env: NodeJS.ProcessEnv = { ...process.env, XDG_CACHE_HOME: cache };
  delete env.NODE_EXTRA_CA_CERTS;
  const cli = path.join(__dirname, '../../dist/cli.js');
  const list = (): number => seconds(process.execPath, [cli, 'list', root], env);
  say('list, nothing kept', `${list().toFixed(2)} s`);
  const pairs = Array.from({ length: 5 }, () => [list(), seconds('ls', ['-lR', root])] as const);
  const of = (at: 0 | 1): string => `${median(pairs.map((pair) => pair[at])).toFixed(2)} s`;
  const ratio = median(pairs.map(([ours, theirs]) => ours / theirs)).toFixed(2);
  say('list; beside it ls -lR (medians of 5 pairs)', `${of(0)}; ${of(1)}; ${ratio} ×`);
}

/** Does one of the parts in a process of its own. */
function inProcess(...part: readonly string[]): void {
  const args = ['--expose-gc', '-r', 'tsx/cjs', __filename, ...part];
  const done = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (done.status !== 0) throw new Error('measuring failed: see the lines above');
}

function main(scratch: string, idleSeconds: number): void {
  const root = mkdtempSync(path.join(scratch, 'lab-'));
  try {
    makeWorkspace(path.join(root, 'ws'));
    // What changed within the last seconds is not kept.
    spawnSync('sleep', ['3']);
    for (const [title, each] of [
      ['nothing kept', 0],
      ['with what that kept', idleSeconds],
    ] as const) {
      process.stdout.write(`${title}:\n`);
      inProcess('window', path.join(root, 'ws'), path.join(root, 'kept'), String(each));
    }
    process.stdout.write('chokidar, all of it watched:\n');
    inProcess('chokidar', path.join(root, 'ws'), String(idleSeconds));
    listed(path.join(root, 'ws'), path.join(root, 'cache'));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === undefined) throw new Error('usage: tsx tools/bench/lab.ts SCRATCH [SECONDS]');
const [root = '', ...more] = rest;
if (first !== 'window' && first !== 'chokidar') main(first, Number(rest[0] ?? 120));
else
  (first === 'window' ? window(root, more[0] ?? '', Number(more[1])) : watchedByChokidar(root, Number(more[0]))).catch(
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
    },
  );
