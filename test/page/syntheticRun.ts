/** A made-up training workspace on disk, with curves like real ones: the page's tests and pictures need runs longer than a test may train. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Curriculum, Stage } from '../../src/core/curriculum/curriculum';
import type { Checkpoint, Run, RunState } from '../../src/core/experiment/model';

/** Numbers that look random and are the same every time. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export const CURRICULUM: Curriculum = {
  stages: [
    { name: 'teacher', from: 0, until: 24000, mixingRatio: 0, mlpMixingRatio: null },
    { name: 'mixed', from: 24000, until: 72000, mixingRatio: 0.5, mlpMixingRatio: null },
    { name: 'student', from: 72000, until: 120000, mixingRatio: 1, mlpMixingRatio: null },
  ],
};

export interface RunPlan {
  readonly name: string;
  readonly state: RunState;
  readonly from?: number;
  readonly until: number;
  readonly maxSteps?: number;
  readonly every?: number;
  readonly seed?: number;
  readonly parent?: { readonly name: string; readonly step: number };
  readonly level?: number;
  readonly spikeAt?: number;
  readonly nanFrom?: number;
  readonly resumeAt?: readonly number[];
  readonly checkpointsEvery?: number;
  readonly best?: number;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly curriculum?: Curriculum | null;
  readonly gpu?: boolean;
}

const SECONDS_A_STEP = 0.31;
/** The longest run's newest step is about now, so that a training run is not taken for stalled. */
const BEGAN = Math.floor(Date.now() / 1000) - 61840 * SECONDS_A_STEP;

function lossAt(step: number, level: number, random: () => number): number {
  const stageLift =
    step < 24000 ? 0 : step < 72000 ? 0.16 * Math.exp(-(step - 24000) / 14000) : 0.2 * Math.exp(-(step - 72000) / 9000);
  const base = 2.05 + 4.6 * Math.exp(-step / 7200) + 0.25 * Math.exp(-step / 60000);
  return (base + stageLift) * level * (1 + (random() + random() + random() - 1.5) * 0.09);
}

/** One metrics line, as the trainer writes it. */
export function metricsLine(plan: RunPlan, step: number, random: () => number, segment = 1): string {
  const level = plan.level ?? 1;
  const nan = plan.nanFrom !== undefined && step >= plan.nanFrom;
  const towards = plan.nanFrom === undefined ? 0 : Math.max(0, step - (plan.nanFrom - 4000)) / 4000;
  const loss = lossAt(step, level, random) * (1 + 0.9 * towards ** 4);
  const spike =
    plan.spikeAt !== undefined && step >= plan.spikeAt && step < plan.spikeAt + 300
      ? 1.9 * Math.exp(-(step - plan.spikeAt) / 120)
      : 0;
  const number = (value: number): number | string => (Number.isFinite(value) ? value : 'NaN');
  const warm = Math.min(1, step / 2000);
  const cosine = 0.5 * (1 + Math.cos((Math.PI * step) / (plan.maxSteps ?? 120000)));
  const stage = step < 24000 ? 0 : step < 72000 ? 1 : 2;
  const tokens =
    148000 *
    (stage === 0 ? 1.04 : 1) *
    (1 + (random() - 0.5) * 0.02) *
    (step % 12000 < (plan.every ?? 10) * 2 && step > 1000 ? 0.62 : 1);
  const metrics: Record<string, number | string> = {
    'loss/total': number(nan ? Number.NaN : loss + spike),
    'loss/fidelity': number(
      nan
        ? Number.NaN
        : 0.4 +
            0.6 * Math.exp(-step / 9000) +
            (stage > 0 ? 0.2 * (1 - Math.exp(-(step - 24000) / 20000)) : 0) +
            random() * 0.05,
    ),
    'training/learning_rate': 3e-4 * warm * (step < 2000 ? 1 : cosine),
    'training/grad_norm': (0.6 + 1.8 * Math.exp(-step / 5000)) * (1 + (random() - 0.5) * 0.3) + spike * 1.6,
    'curriculum/stage_index': stage,
    'curriculum/mixing_ratio': [0, 0.5, 1][stage] ?? 0,
    'throughput/tokens_per_second': tokens,
    'throughput/steps_per_second': tokens / 48000,
  };
  for (const layer of [3, 7, 11]) {
    metrics[`mlp_direct_loss/layer_${layer}`] =
      (0.1 + 0.5 * Math.exp(-step / (4000 + layer * 900))) * (1 + (random() - 0.5) * 0.1) * (1 + layer / 20);
    metrics[`v_a_attention_similarity/layer_${layer}`] =
      (1 - Math.exp(-step / (9000 + layer * 1000))) * (0.93 - layer * 0.02) + (random() - 0.5) * 0.02;
    metrics[`regularization/layer_${layer}`] = 0.02 + random() * 0.004 + layer / 2000;
    metrics[`v_a_norm/layer_${layer}`] = 1 + layer / 10 + Math.log1p(step / 1000) * 0.1;
  }
  if (plan.gpu === true) metrics['system/gpu_memory_bytes'] = stage === 0 ? 68.1e9 : 61.2e9;
  if (step % 2000 === 0) metrics['eval_loss/total'] = number(nan ? Number.NaN : lossAt(step, level * 1.035, () => 0.5));
  return JSON.stringify({ event: 'metrics', segment, step, time: BEGAN + step * SECONDS_A_STEP, metrics }) + '\n';
}

function checkpointsOf(plan: RunPlan, folder: string): Checkpoint[] {
  const every = plan.checkpointsEvery ?? 0;
  if (every === 0) return [];
  const found: Checkpoint[] = [];
  for (let step = Math.ceil(((plan.from ?? 0) + 1) / every) * every; step <= plan.until; step += every) {
    found.push({
      name: `checkpoint-${step}`,
      path: path.join(folder, 'checkpoints', `checkpoint-${step}`),
      step,
      state: 'complete',
      stateReason: null,
      stage: stageOf(step).name,
      loss: lossAt(step, plan.level ?? 1, () => 0.5),
      evalLoss: lossAt(step, (plan.level ?? 1) * 1.035, () => 0.5),
      bytes: 1.4e9,
      time: BEGAN + step * SECONDS_A_STEP,
      best: step === plan.best,
      pinned: false,
      files: [],
    });
  }
  return found;
}

function stageOf(step: number): Stage {
  return CURRICULUM.stages.find((stage) => step < stage.until) ?? (CURRICULUM.stages[2] as Stage);
}

/** Writes the run's metrics.jsonl and gives the model that a scan would have found. */
export function makeRun(experiments: string, plan: RunPlan): Run {
  const folder = path.join(experiments, plan.name);
  mkdirSync(folder, { recursive: true });
  const random = seeded(plan.seed ?? 1);
  const every = plan.every ?? 20;
  const lines: string[] = [];
  let segment = 1;
  lines.push(JSON.stringify({ event: 'start', segment, resume_step: plan.from ?? 0, changed: {}, time: BEGAN }) + '\n');
  const resumes = [...(plan.resumeAt ?? [])];
  for (let step = (plan.from ?? 0) + every; step <= plan.until; step += every) {
    const resume = resumes[0];
    if (resume !== undefined && step > resume + 1500) {
      resumes.shift();
      segment += 1;
      lines.push(
        JSON.stringify({
          event: 'start',
          segment,
          resume_step: resume,
          changed: {},
          time: BEGAN + step * SECONDS_A_STEP,
        }) + '\n',
      );
      step = resume + every;
    }
    lines.push(metricsLine(plan, step, random, segment));
  }
  if (plan.until > (plan.from ?? 0)) writeFileSync(path.join(folder, 'metrics.jsonl'), lines.join(''));
  const curriculum = plan.curriculum === undefined ? CURRICULUM : plan.curriculum;
  return {
    name: plan.name,
    id: plan.name,
    path: folder,
    state: plan.state,
    step: plan.until,
    maxSteps: plan.maxSteps ?? 120000,
    stage: curriculum === null ? null : stageOf(plan.until).name,
    created: BEGAN,
    parent:
      plan.parent === undefined
        ? null
        : {
            id: plan.parent.name,
            run: plan.parent.name,
            checkpoint: `checkpoint-${plan.parent.step}`,
            step: plan.parent.step,
          },
    config: {
      model_name: 'meta-llama/Llama-3.2-1B',
      train_layers: '3,7,11',
      np_rank: 256,
      learning_rate: 3e-4,
      gradient_clip: 1,
      warmup_steps: 2000,
      ...plan.config,
    },
    curriculum,
    process: null,
    processState: null,
    exit: null,
    loss: lastLoss(lines),
    checkpoints: checkpointsOf(plan, folder),
    final: null,
  };
}

/** What a scan takes from the log: the loss of its last line. */
function lastLoss(lines: readonly string[]): number | null {
  const logged = (JSON.parse(lines.at(-1) ?? '{}') as { metrics?: Record<string, number | string> }).metrics;
  const loss = logged?.['loss/total'];
  return loss === undefined ? null : Number(loss);
}

/** Appends a metrics line for each of the steps, as a live trainer does. */
export function appendSteps(run: Run, plan: RunPlan, from: number, count: number): void {
  const random = seeded(from);
  const every = plan.every ?? 20;
  let text = '';
  for (let index = 1; index <= count; index += 1) text += metricsLine(plan, from + index * every, random);
  appendFileSync(path.join(run.path, 'metrics.jsonl'), text);
}

export const FOCUSED: RunPlan = {
  name: 'curr-v3',
  state: 'training',
  until: 61840,
  spikeAt: 38120,
  resumeAt: [12000, 48000],
  checkpointsEvery: 12000,
  best: 60000,
  gpu: true,
};

/** The workspace of the pictures, with a line every so many steps: a long run, two branches of it, and an older one. */
export function makeWorkspace(experiments: string, every = 20): Run[] {
  return [
    makeRun(experiments, { ...FOCUSED, every }),
    makeRun(experiments, {
      every,
      name: 'curr-v3-lr-half',
      state: 'finished',
      from: 36000,
      until: 58000,
      seed: 2,
      level: 1.01,
      parent: { name: 'curr-v3', step: 36000 },
      checkpointsEvery: 12000,
      config: { learning_rate: 1.5e-4, gradient_clip: 0.5 },
    }),
    makeRun(experiments, {
      every,
      name: 'curr-v3-no-mix',
      state: 'failed',
      from: 24000,
      until: 41212,
      seed: 3,
      level: 1.06,
      nanFrom: 41000,
      parent: { name: 'curr-v3', step: 24000 },
      checkpointsEvery: 12000,
      config: { curriculum_stages: 'teacher:24000,student:96000' },
    }),
    makeRun(experiments, {
      every,
      name: 'curr-v2',
      state: 'finished',
      until: 88000,
      maxSteps: 88000,
      seed: 4,
      level: 1.05,
      checkpointsEvery: 22000,
      config: { np_rank: 128 },
    }),
  ];
}
