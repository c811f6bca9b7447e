/** Builds small training workspaces on disk, as the trainer and other trainers leave them. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const CURRICULUM = 'teacher:100,mixed:100:0.5,student:100';

export class FixtureWorkspace {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-ws-'));
  readonly experiments = path.join(this.root, 'experiments');

  remove(): void {
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  write(relative: string, content: unknown): string {
    const file = path.join(this.experiments, relative);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    // As the trainer does it, so that no scan ever sees half a file.
    fs.writeFileSync(`${file}.tmp`, text);
    fs.renameSync(`${file}.tmp`, file);
    return file;
  }

  /** A run of our trainer. */
  run(name: string, more: { run?: object; config?: object } = {}): string {
    this.write(`${name}/run.json`, {
      schema: 1,
      id: `id-${name}`,
      created: 1000,
      argv: [],
      cwd: this.root,
      git: null,
      trainer: 'npt 0.1.0',
      parent: null,
      changed: {},
      ...more.run,
    });
    this.write(`${name}/config.json`, {
      schema: 1,
      max_steps: 300,
      curriculum_stages: CURRICULUM,
      train_layers: [2, 3],
      learning_rate: 0.005,
      batch_size: 8,
      np_rank: 16,
      ...more.config,
    });
    return path.join(this.experiments, name);
  }

  /** A complete checkpoint of ours: written beside the target, then renamed. */
  checkpoint(run: string, step: number, options: { name?: string; metrics?: object; stage?: string } = {}): string {
    const folder = path.join(this.experiments, run, 'checkpoints');
    const target = path.join(folder, options.name ?? `checkpoint-${step}`);
    const temporary = path.join(folder, `.tmp-checkpoint-${step}-host-1`);
    fs.mkdirSync(temporary, { recursive: true });
    const files: Record<string, { bytes: number; sha256: string }> = {};
    const config = fs.readFileSync(path.join(this.experiments, run, 'config.json'), 'utf8');
    for (const name of ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json']) {
      const content = name === 'config.json' ? config : `${name} of ${run} at ${step}`;
      fs.writeFileSync(path.join(temporary, name), content);
      files[name] = { bytes: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') };
    }
    fs.writeFileSync(
      path.join(temporary, 'manifest.json'),
      JSON.stringify({
        schema: 1,
        step,
        segment: 1,
        stage: options.stage ?? (step < 100 ? 'teacher' : step < 200 ? 'mixed' : 'student'),
        time: 5000 + step,
        metrics: { 'loss/total': 1 / step, 'eval_loss/total': 2 / step, ...options.metrics },
        model: { name: 'npt-demo', fingerprint: 'f' },
        files,
        sha256: 'not checked by a scan',
      }),
    );
    fs.renameSync(temporary, target);
    return target;
  }

  metrics(run: string, events: readonly object[]): string {
    const file = path.join(this.experiments, run, 'metrics.jsonl');
    fs.appendFileSync(file, events.map((event) => JSON.stringify(event) + '\n').join(''));
    return file;
  }
}

/** A metrics line as in contract section 6. */
export function metricsLine(step: number, loss: number | string): object {
  return { event: 'metrics', segment: 1, step, time: 1000 + step, metrics: { 'loss/total': loss } };
}
