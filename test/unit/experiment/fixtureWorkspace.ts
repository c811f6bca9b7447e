/** Builds small training workspaces on disk, as the trainer and other trainers leave them. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { manifestHash } from '../../../src/core/checkpoint/layouts/manifest';
import { parseCurriculum } from '../../../src/core/curriculum';
import { parseObject } from '../../../src/core/jsonText';
import { Float, torchBytes, Zeros } from '../../torchWriter';

export const CURRICULUM = 'teacher:100,mixed:100:0.5,student:100';

export class FixtureWorkspace {
  readonly experiments: string;

  /** @param root left out: a folder of its own */
  constructor(readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-ws-'))) {
    this.experiments = path.join(root, 'experiments');
  }

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
    const contents = {
      ...stateFiles(parseObject(config), step),
      'config.json': Buffer.from(config),
    };
    for (const [name, content] of Object.entries(contents)) {
      fs.writeFileSync(path.join(temporary, name), content);
      files[name] = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
    }
    const manifest = {
      schema: 1,
      step,
      segment: 1,
      stage: options.stage ?? (step < 100 ? 'teacher' : step < 200 ? 'mixed' : 'student'),
      time: 5000 + step,
      metrics: { 'loss/total': 1 / step, 'eval_loss/total': 2 / step, ...options.metrics },
      model: { name: 'npt-demo', fingerprint: 'f' },
      files,
    };
    fs.writeFileSync(
      path.join(temporary, 'manifest.json'),
      JSON.stringify({ ...manifest, sha256: manifestHash(manifest) }),
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

const HIDDEN = 4;
const MLP = 6;

/** A checkpoint's torch files, as valid as a trainer's, of a model that is as small as one can be. */
function stateFiles(config: Readonly<Record<string, unknown>>, step: number): Record<string, Buffer> {
  // Some tests leave values out of it, or write what is none.
  const number = (name: string, usual: number): number =>
    typeof config[name] === 'number' && config[name] > 0 ? config[name] : usual;
  const layers = Array.isArray(config['train_layers']) ? (config['train_layers'] as number[]) : [2, 3];
  const rank = number('np_rank', 16);
  const several = number('num_ranks', 1);
  const shapes = { W_down: [HIDDEN, rank], W_a_up: [rank, HIDDEN], W_b_up: [rank, MLP] };
  const weights = Object.fromEntries(
    layers.flatMap((layer) =>
      Object.entries(shapes).flatMap(([name, shape]) =>
        Array.from({ length: several }, (_, at) => [
          `layer_${layer}_np.${name}${several === 1 ? '' : `.${at}`}`,
          new Zeros(shape),
        ]),
      ),
    ),
  ) as Record<string, Zeros>;
  const tensors = Object.values(weights);
  const { stages } = parseCurriculum(
    typeof config['curriculum_stages'] === 'string' ? config['curriculum_stages'] : CURRICULUM,
  );
  return {
    'npt_weights.pt': torchBytes(weights),
    'training_state.pt': torchBytes({
      schema: 1,
      global_step: step,
      batch_count: step,
      optimizer_state_dict: {
        state: new Map(tensors.map((tensor, at) => [at, { step: new Zeros([]), exp_avg: tensor, exp_avg_sq: tensor }])),
        param_groups: [{ lr: number('learning_rate', 0.001), weight_decay: 0.01, params: tensors.map((_, at) => at) }],
      },
      // Tests that are about the schedule write one.
      scheduler_state_dict: {},
      scaler_state_dict: null,
      rng_state: [],
      data_state: {},
      best: null,
    }),
    'multi_layer_state.pt': torchBytes({
      layers_to_train: layers,
      curriculum_schedule: stages.map((stage) => ({
        name: stage.name,
        until_step: stage.until,
        mixing_ratio: new Float(stage.mixingRatio),
        mlp_mixing_ratio: stage.mlpMixingRatio,
      })),
      current_stage_index: stages.findLastIndex(({ from }) => from <= step),
      layer_weights: new Map(layers.map((layer) => [layer, new Float(1)])),
      teacher_cache_hits: 0,
      teacher_cache_misses: 0,
    }),
  };
}

/** A metrics line as in contract section 6. */
export function metricsLine(step: number, loss: number | string): object {
  return { event: 'metrics', segment: 1, step, time: 1000 + step, metrics: { 'loss/total': loss } };
}
