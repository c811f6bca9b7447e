/**
 * Runs as the trainer logs them, healthy ones and ones with something planted: what alerts are measured on (alerts.ts). Noise and
 * pace are those of runs of the trainer (test/fixtures/alerts).
 */
import { LEARNING_RATE, LOSS, TOKENS_PER_SECOND } from '../../src/core/metrics/catalogue';
import type { Curriculum } from '../../src/core/curriculum/curriculum';

export const EVENTS = ['spike', 'nan', 'divergence', 'plateau', 'stalled'] as const;
export type PlantedEvent = (typeof EVENTS)[number];

/** What is the trainer's own: of a recorded run, per stage. */
export interface Recorded {
  /** Logarithms of loss against its trend, in the order in which they were logged. */
  readonly noise: readonly (readonly number[])[];
  /** Seconds from one line to the next. */
  readonly seconds: readonly number[];
}

export interface MadeRun {
  readonly lines: readonly string[];
  readonly curriculum: Curriculum;
  readonly planted: { readonly kind: PlantedEvent; readonly step: number } | undefined;
  /** Unix seconds of the last line. */
  readonly lastTime: number;
}

type Random = () => number;

/** Marsaglia's multiply-with-carry: the same runs on every machine. */
export function randomFrom(seed: number): Random {
  let [high, low] = [362_436_069 ^ seed, 521_288_629 + seed];
  const next = (): number => {
    high = (36_969 * (high & 65_535) + (high >>> 16)) >>> 0;
    low = (18_000 * (low & 65_535) + (low >>> 16)) >>> 0;
    return (((high << 16) + low) >>> 0) / 2 ** 32;
  };
  for (let index = 0; index < 20; index += 1) next();
  return next;
}

const between = (random: Random, low: number, high: number): number => low + (high - low) * random();
const whole = (random: Random, low: number, high: number): number => Math.floor(between(random, low, high));

/** Pieces of what was recorded, in random order: what neighbours have in common stays. */
function* pieces<T>(random: Random, recorded: readonly T[]): Generator<T, never> {
  const length = Math.min(30, recorded.length);
  for (;;) {
    const from = whole(random, 0, recorded.length - length + 1);
    yield* recorded.slice(from, from + length);
  }
}

const STEPS = 1500;
/** A plateau needs time to be one: see isFound in alerts.ts. */
const STEPS_OF_PLATEAU = 2500;
const PEAK_RATE = 5e-5;
const WARMUP = 50;

/** A run of 1,500 steps, each logged, in three stages. @param planted what goes wrong in it; undefined: nothing */
export function makeRun(seed: number, recorded: readonly Recorded[], planted?: PlantedEvent): MadeRun {
  const random = randomFrom(seed);
  const source = recorded[whole(random, 0, recorded.length)] as Recorded;
  const steps = planted === 'plateau' ? STEPS_OF_PLATEAU : STEPS;
  const [first, second] = [whole(random, 350, 450), whole(random, 800, 900)];
  const starts = [0, first, second];
  const curriculum: Curriculum = {
    stages: [
      { name: 'teacher', from: 0, until: first, mixingRatio: 0, mlpMixingRatio: null },
      { name: 'mixed', from: first, until: second, mixingRatio: 0.5, mlpMixingRatio: null },
      { name: 'student', from: second, until: steps, mixingRatio: 1, mlpMixingRatio: null },
    ],
  };
  const place = placeOf(random, planted, starts);
  const noise = source.noise.map((stage) => pieces(random, stage));
  const seconds = pieces(random, source.seconds);
  const height = between(random, 0.5, 60);
  const falls = starts.map(() => ({
    from: between(random, 0.6, 1.6),
    to: between(random, 0.2, 0.4),
    power: between(random, 0.25, 0.5),
  }));
  const doubling = between(random, 3, 8);
  const spike = { points: whole(random, 1, 5), times: between(random, 1.6, 5) };
  const pace = between(random, 5, 40);
  let time = 1_790_000_000;
  const lines = [event({ event: 'start', segment: 1, resume_step: 0, time })];
  for (let step = 1; step <= steps; step += 1) {
    const stage = starts.findLastIndex((start) => step > start);
    if (starts.includes(step - 1)) {
      const { name, mixingRatio } = curriculum.stages[stage] as Curriculum['stages'][number];
      lines.push(event({ event: 'stage', step: step - 1, stage: name, index: stage, mixing_ratio: mixingRatio }));
    }
    if (planted === 'stalled' && step > place) break;
    time += pace * seconds.next().value + (step % 100 === 0 ? between(random, 3, 12) * pace : 0);
    const fall = falls[stage] as (typeof falls)[number];
    const at = planted === 'plateau' ? Math.min(step, place) : step;
    const level = height * (fall.to + fall.from * ((at - (starts[stage] as number)) / 20 + 1) ** -fall.power);
    let loss = level * Math.exp((noise[stage] as Generator<number, never>).next().value);
    if (planted === 'spike' && step >= place && step < place + spike.points) loss *= spike.times;
    if (planted === 'divergence' && step >= place) loss *= 2 ** Math.min(14, (step - place + 1) / doubling);
    const metrics = {
      [LOSS]: planted === 'nan' && step >= place ? 'NaN' : loss,
      [LEARNING_RATE]: rateAt(step, steps),
      [TOKENS_PER_SECOND]: 4096 / pace / Math.exp(between(random, -0.1, 0.1)),
      'training/grad_norm': Math.exp(between(random, -1, 1)),
    };
    lines.push(event({ event: 'metrics', segment: 1, step, time, metrics }));
  }
  return {
    lines,
    curriculum,
    planted: planted === undefined ? undefined : { kind: planted, step: place },
    lastTime: time,
  };
}

/** Where it begins: a divergence on either side of a stage's change, the others in the middle of a stage. */
function placeOf(random: Random, planted: PlantedEvent | undefined, starts: readonly number[]): number {
  const [, first = 0, second = 0] = starts;
  if (planted === 'divergence') return (random() < 0.5 ? first : second) + whole(random, -15, 16);
  if (planted === 'plateau') return second + whole(random, 100, 200);
  return random() < 0.5 ? whole(random, 60, first - 40) : whole(random, second + 40, STEPS - 40);
}

function rateAt(step: number, steps: number): number {
  if (step < WARMUP) return (PEAK_RATE * step) / WARMUP;
  return (PEAK_RATE / 2) * (1 + Math.cos((Math.PI * (step - WARMUP)) / (steps - WARMUP)));
}

function event(fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(fields)}\n`;
}

/** What a run's log says of the trainer's noise and pace. @param stageStarts the step after which each stage begins */
export function recordedFrom(
  lines: readonly { readonly step: number; readonly loss: number; readonly time: number }[],
  stageStarts: readonly number[],
): Recorded {
  const noise = stageStarts.map((start, index) => {
    const until = stageStarts[index + 1] ?? Number.POSITIVE_INFINITY;
    const losses = lines.filter(({ step }) => step > start && step <= until).map(({ loss }) => Math.log(loss));
    // Against the median of the points around: without the first ones, where the loss falls faster than that follows.
    return losses.flatMap((loss, at) => {
      if (at < 20 || at > losses.length - 10) return [];
      const around = losses.slice(at - 9, at + 10).sort((a, b) => a - b);
      return [loss - (around[9] as number)];
    });
  });
  const gaps = lines.slice(1).map(({ time }, index) => time - (lines[index]?.time ?? time));
  const usual = [...gaps].sort((a, b) => a - b)[gaps.length >> 1] ?? 1;
  return { noise, seconds: gaps.map((gap) => gap / usual) };
}
