/**
 * The host thread's work for one change of a run with 5,000 checkpoints, from the event to the new model: the run is scanned
 * again, in slices. CPU time of the process, which does nothing else. usage: tsx tools/bench/rescan.ts SCRATCH
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readQueue } from '../../src/core/experiment/queueFiles';
import { assembleWorkspace, ScanContext, scanRunAt, scanRuns } from '../../src/core/experiment/scan';
import type { Workspace } from '../../src/core/experiment/model';

const CHECKPOINTS = 5000;
const CHANGES = 21;
const FILES = ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json'];

function save(runPath: string, step: number): void {
  const folder = path.join(runPath, 'checkpoints', `checkpoint-${step}`);
  mkdirSync(folder, { recursive: true });
  for (const name of FILES) writeFileSync(path.join(folder, name), '{}');
  const files = Object.fromEntries(FILES.map((name) => [name, { bytes: 2 }]));
  const metrics = { 'loss/total': 2.5 };
  writeFileSync(
    path.join(folder, 'manifest.json'),
    JSON.stringify({ schema: 1, step, stage: 'dual', time: 1_700_000_000 + step, metrics, files }),
  );
}

async function main(scratch: string): Promise<void> {
  const root = mkdtempSync(path.join(scratch, 'rescan-'));
  const experiments = path.join(root, 'experiments');
  const runPath = path.join(experiments, 'run');
  for (let index = 1; index <= CHECKPOINTS; index += 1) save(runPath, index * 10);
  writeFileSync(path.join(runPath, 'run.json'), JSON.stringify({ schema: 1, id: 'run', created: 1_700_000_000 }));
  const log = path.join(runPath, 'metrics.jsonl');
  const context = new ScanContext();
  const { runs: scanned, problems } = await scanRuns(experiments, context);
  const found = { runs: scanned, problems, queue: await readQueue(root) };
  let model: Workspace = assembleWorkspace(root, experiments, found);

  const times: number[] = [];
  for (let change = 1; change <= CHANGES; change += 1) {
    const step = (CHECKPOINTS + change) * 10;
    save(runPath, step);
    writeFileSync(log, `${JSON.stringify({ step, time: 1_700_000_000 + step, 'loss/total': 2.5 })}\n`);
    const before = process.cpuUsage();
    scanned.set(runPath, await scanRunAt(runPath, 'run', context));
    model = assembleWorkspace(root, experiments, found, model);
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
    if (model.runs[0]?.checkpoints.length !== CHECKPOINTS + change) throw new Error('a checkpoint was not found');
  }
  rmSync(root, { recursive: true, force: true });
  times.sort((a, b) => a - b);
  process.stdout.write(
    `a change of a run with ${CHECKPOINTS} checkpoints: ${(times[10] ?? NaN).toFixed(1)} ms of CPU time ` +
      `(worst of ${CHANGES}: ${(times[CHANGES - 1] ?? NaN).toFixed(1)})\n`,
  );
}

const [scratch] = process.argv.slice(2);
if (scratch === undefined) throw new Error('usage: tsx tools/bench/rescan.ts SCRATCH');
main(scratch).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
