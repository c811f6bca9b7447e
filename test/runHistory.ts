/** What a run's metrics.jsonl says, read by the contract's own words (section 6) and by nothing of the product's. */
import fs from 'node:fs';
import path from 'node:path';

interface Line {
  readonly event?: string;
  readonly step?: number;
  readonly segment?: number;
  readonly resume_step?: number;
  readonly metrics?: Readonly<Record<string, number | string>>;
}

/** Time, throughput, memory, and what is measured wherever a checkpoint happens to be saved, differ between equal runs. */
const PASSING = /^(throughput|system|probe)\//;

function linesOf(run: string): Line[] {
  const file = path.join(run, 'metrics.jsonl');
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Line];
      } catch {
        return []; // torn by a kill
      }
    });
}

/** Enough of a log's end for its last whole line about a step; it is asked for all the time. */
const TAIL_BYTES = 8192;

/** The last step that was logged; 0 before the first. */
export function lastStep(run: string): number {
  let descriptor: number;
  try {
    descriptor = fs.openSync(path.join(run, 'metrics.jsonl'), 'r');
  } catch {
    return 0;
  }
  try {
    const { size } = fs.fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    fs.readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    return Number([...buffer.toString().matchAll(/"event": ?"metrics".*?"step": ?(\d+)/g)].at(-1)?.[1] ?? 0);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** The step of the last save that the run's log tells of; 0 before the first. */
export function lastAnnounced(run: string): number {
  return Math.max(0, ...linesOf(run).map(({ event, step }) => (event === 'checkpoint' ? (step ?? 0) : 0)));
}

/** The segments' numbers, in the order of their starts. */
export function segments(run: string): number[] {
  return linesOf(run).flatMap(({ event, segment }) => (event === 'start' && segment !== undefined ? [segment] : []));
}

/**
 * Every point, by "metric step", after what each start takes away.
 *
 * @throws where a metric has two points of a step
 */
export function points(run: string): ReadonlyMap<string, number | string> {
  let kept: { readonly step: number; readonly metrics: Readonly<Record<string, number | string>> }[] = [];
  for (const { event, step = 0, resume_step: from = 0, metrics = {} } of linesOf(run)) {
    if (event === 'start') kept = kept.filter((point) => point.step <= from);
    else if (event === 'metrics') kept.push({ step, metrics });
  }
  const found = new Map<string, number | string>();
  for (const { step, metrics } of kept) {
    for (const [name, value] of Object.entries(metrics)) {
      if (PASSING.test(name)) continue;
      const key = `${name} ${step}`;
      if (found.has(key)) throw new Error(`${run} has two values of ${name} at step ${step}.`);
      found.set(key, value);
    }
  }
  return found;
}
