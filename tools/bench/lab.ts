/**
 * A lab's experiments: 500 runs of 100 checkpoints. What the watcher costs a window: the first model, a scan of everything
 * again, and a workspace in which nothing happens, in CPU time of a process that does nothing else.
 * usage: [RUNS=500] tsx tools/bench/lab.ts SCRATCH [SECONDS]
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { WorkspaceWatcher } from '../../src/core/experiment/watch';

const RUNS = Number(process.env.RUNS ?? 500);
const CHECKPOINTS = 100;
const FILES = ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json'];

function makeWorkspace(root: string): void {
  for (let run = 0; run < RUNS; run += 1) {
    const runPath = path.join(root, 'experiments', `llama1b_r64_lr44_bs32_seed${run}`);
    for (let each = 1; each <= CHECKPOINTS; each += 1) {
      const step = each * 10;
      const folder = path.join(runPath, 'checkpoints', `checkpoint-${step}`);
      mkdirSync(folder, { recursive: true });
      for (const name of FILES) writeFileSync(path.join(folder, name), '{}');
      const files = Object.fromEntries(FILES.map((name) => [name, { bytes: 2 }]));
      const metrics = { 'loss/total': 2.5 };
      const manifest = { schema: 1, step, stage: 'teacher', time: 1_700_000_000 + step, metrics, files };
      writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
    }
    writeFileSync(path.join(runPath, 'run.json'), JSON.stringify({ schema: 1, id: `r${run}`, created: 1_700_000_000 }));
    const config = { schema: 1, max_steps: 1000, curriculum_stages: 'teacher:300,mixed:300:0.5,student:400' };
    writeFileSync(path.join(runPath, 'config.json'), JSON.stringify(config));
  }
}

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

async function ours(root: string, seconds: number): Promise<void> {
  const before = megabytes();
  const watcher = new WorkspaceWatcher(root);
  say('the first model', ms(await measured(() => watcher.rescan())));
  await after(3_000);
  for (const look of ['changes', 'folders', 'everything'] as const) {
    say(`everything again, looking at ${look}`, ms(await measured(() => watcher.rescan(look))));
  }
  const idle = await measured(() => after(seconds * 1000));
  say(`nothing happens for ${seconds} s`, `${((100 * idle.cpu) / idle.wall).toFixed(2)} % of a core`);
  const found = watcher.current.runs.reduce((sum, run) => sum + run.checkpoints.length, 0);
  say(`${found} checkpoints in memory`, `${(megabytes() - before).toFixed(0)} MB; ${watches() ?? '?'} watches`);
  watcher.dispose();
}

async function main(scratch: string, seconds: number): Promise<void> {
  const root = mkdtempSync(path.join(scratch, 'lab-'));
  try {
    makeWorkspace(root);
    await ours(root, seconds);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const [scratch, seconds] = process.argv.slice(2);
if (scratch === undefined) throw new Error('usage: tsx tools/bench/lab.ts SCRATCH [SECONDS]');
main(scratch, Number(seconds ?? 120)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
