/**
 * What watching costs the host while files that are no runs' come beside the runs, or in a folder that is none: 200,000 of
 * them, five more a second. usage: tsx tools/bench/watching.ts SCRATCH
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { WorkspaceWatcher } from '../../src/core/experiment/watch';

const FILES = 200_000;
const RUNS = 20;
const CHECKPOINTS = 5;
const SETTLED_MS = 5_000;
const MEASURED_MS = 20_000;

function makeWorkspace(root: string, folder: string): string {
  for (let run = 0; run < RUNS; run += 1) {
    const runPath = path.join(root, 'experiments', `run-${run}`);
    for (let step = 1; step <= CHECKPOINTS; step += 1) {
      const checkpoint = path.join(runPath, 'checkpoints', `checkpoint-${step}`);
      mkdirSync(checkpoint, { recursive: true });
      writeFileSync(path.join(checkpoint, 'config.json'), '{}');
    }
    writeFileSync(path.join(runPath, 'run.json'), JSON.stringify({ schema: 1, id: `run-${run}`, created: run }));
  }
  const beside = path.join(root, 'experiments', folder);
  mkdirSync(beside, { recursive: true });
  for (let file = 0; file < FILES; file += 1) writeFileSync(path.join(beside, `${file}.txt`), '');
  return beside;
}

async function measure(scratch: string, folder: string): Promise<void> {
  const root = mkdtempSync(path.join(scratch, 'watching-'));
  const beside = makeWorkspace(root, folder);
  const watcher = new WorkspaceWatcher(root);
  await watcher.rescan();
  await after(SETTLED_MS);
  const script = `let n = 0; setInterval(() => require('fs').writeFileSync(${JSON.stringify(beside)} + '/more-' + n++, ''), 200)`;
  const writer = spawn(process.execPath, ['-e', script]);
  const before = process.cpuUsage();
  const began = performance.now();
  let longest = 0;
  let last = began;
  const heart = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 10);
    last = now;
  }, 10);
  await after(MEASURED_MS);
  clearInterval(heart);
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1000 / (performance.now() - began);
  writer.kill();
  watcher.dispose();
  rmSync(root, { recursive: true, force: true });
  process.stdout.write(
    `${FILES} files ${folder === '' ? 'beside the runs' : 'in a folder that is no run'}, five more a second: ` +
      `${(share * 100).toFixed(1)} % of a core, longest stretch of work ${longest.toFixed(0)} ms\n`,
  );
}

async function main(scratch: string): Promise<void> {
  for (const folder of ['', 'data']) await measure(scratch, folder);
}

const [scratch] = process.argv.slice(2);
if (scratch === undefined) throw new Error('usage: tsx tools/bench/watching.ts SCRATCH');
main(scratch).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
