/** A lab's experiments, for measuring: 500 runs of 100 checkpoints of five small files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const RUNS = Number(process.env.RUNS ?? 500);
export const CHECKPOINTS = 100;
const FILES = ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json'];

/** @param root a folder that exists; its experiments/ is made */
export function makeWorkspace(root: string): void {
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
