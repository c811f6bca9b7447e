/**
 * How well alerts find what is planted in runs, and how often they are wrong about healthy ones.
 * usage: node -r tsx/cjs tools/bench/alerts.ts (100 healthy runs, 100 with each kind of event; --all names each miss)
 *        node -r tsx/cjs tools/bench/alerts.ts --write FOLDER (the runs' metrics.jsonl)
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Alert } from '../../src/core/metrics/alerts/alert';
import { RunAlerts, type AlertInput } from '../../src/core/metrics/alerts/runAlerts';
import { LOSS } from '../../src/core/metrics/catalogue';
import { MetricsLog } from '../../src/core/metrics/log';
import { EVENTS, makeRun, recordedFrom, type MadeRun, type PlantedEvent, type Recorded } from './alertSeries';

const FIXTURES = path.resolve(__dirname, '../../test/fixtures/alerts');
const RUNS = 100;
const WITHIN_STEPS = 20;
const PLATEAU_STEPS = 1000;

/** Healthy runs that the trainer made (`demo_mode`, a line a step), without what nobody needs here. */
export function recordedRuns(): Recorded[] {
  return readdirSync(FIXTURES)
    .filter((name) => name.startsWith('demo-'))
    .map((name) => {
      const log = new MetricsLog();
      log.push(readFileSync(path.join(FIXTURES, name)));
      const loss = log.series.get(LOSS);
      const lines = [...(loss?.steps ?? [])].map((step, index) => ({
        step,
        loss: loss?.values[index] ?? Number.NaN,
        time: loss?.times[index] ?? Number.NaN,
      }));
      return recordedFrom(
        lines,
        log.stages.map(({ step }) => step),
      );
    });
}

/** An alert as it was first raised, with the step that the run was at. */
interface Raised {
  readonly alert: Alert;
  readonly at: number;
}

interface Followed {
  readonly raised: readonly Raised[];
  /** As of the end. */
  readonly last: readonly Alert[];
}

/** Looks at a run after each line, as if it were watched, and once more a while after its last. */
export function follow(run: MadeRun): Followed {
  const log = new MetricsLog();
  const alerts = new RunAlerts();
  const raised = new Map<string, Raised>();
  let last: readonly Alert[] = [];
  const look = (now: number): void => {
    const input: AlertInput = {
      series: log.series,
      curriculum: run.curriculum,
      checkpointSteps: [],
      training: true,
      now,
      lastTime: log.lastTime,
    };
    last = alerts.find(input).filter(({ kind }) => kind !== 'stage');
    for (const alert of last) {
      const key = `${alert.kind} ${alert.step}`;
      if (!raised.has(key)) raised.set(key, { alert, at: log.lastStep ?? 0 });
    }
  };
  for (const line of run.lines) {
    log.push(Buffer.from(line));
    if (line.startsWith('{"event":"metrics"')) look(log.lastTime);
  }
  if (run.planted?.kind === 'stalled') {
    const loss = log.series.get(LOSS);
    const usual = ((loss?.times.at(-1) ?? 0) - (loss?.times[0] ?? 0)) / (loss?.length ?? 1);
    // A while of as many steps: within that it is to be found.
    look(run.lastTime + WITHIN_STEPS * usual);
  }
  return { raised: [...raised.values()], last };
}

/**
 * Whether what was planted was found in time: within 20 steps of its beginning; a plateau, which noise of 8 % hides until there is
 * enough of it, within 20 steps of its having lasted 1,000. A divergence must also have been called one until the
 * run's end.
 */
export function isFound({ planted }: MadeRun, { raised, last }: Followed): boolean {
  if (planted === undefined) return false;
  const { kind, step } = planted;
  const due = kind === 'plateau' ? step + PLATEAU_STEPS : step;
  const found = raised.some(({ alert, at }) => alert.kind === kind && at >= step && at <= due + WITHIN_STEPS);
  return found && (kind !== 'divergence' || last.some((alert) => alert.kind === kind && alert.present));
}

function tell(...words: readonly unknown[]): void {
  process.stdout.write(`${words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join(' ')}\n`);
}

function main(): void {
  const recorded = recordedRuns();
  const folder = process.argv[process.argv.indexOf('--write') + 1];
  const seedOf = (kind: PlantedEvent | undefined, index: number): number =>
    1 + index + RUNS * (kind === undefined ? 0 : 1 + EVENTS.indexOf(kind));
  if (process.argv.includes('--write') && folder !== undefined) {
    for (const kind of [undefined, ...EVENTS]) {
      for (let index = 0; index < RUNS; index += 1) {
        const at = path.join(folder, `${kind ?? 'healthy'}-${index}`);
        mkdirSync(at, { recursive: true });
        writeFileSync(path.join(at, 'metrics.jsonl'), makeRun(seedOf(kind, index), recorded, kind).lines.join(''));
      }
    }
    return;
  }
  const all = process.argv.includes('--all');
  let [found, wrong] = [0, 0];
  const kinds = EVENTS.filter((kind) => !process.argv.includes('--only') || process.argv.includes(kind));
  for (const kind of kinds) {
    let [hits, beside] = [0, 0];
    for (let index = 0; index < RUNS; index += 1) {
      const run = makeRun(seedOf(kind, index), recorded, kind);
      const followed = follow(run);
      const hit = isFound(run, followed);
      hits += hit ? 1 : 0;
      beside += followed.raised.filter(({ at }) => at < (run.planted?.step ?? 0)).length;
      if (all && !hit)
        tell(
          kind,
          index,
          JSON.stringify(run.planted),
          followed.raised.map(({ alert, at }) => [alert.kind, alert.step, at]),
        );
    }
    found += hits;
    tell(`${kind}: ${hits} of ${RUNS} found; ${beside} false alerts before`);
  }
  for (let index = 0; index < RUNS; index += 1) {
    const { raised } = follow(makeRun(seedOf(undefined, index), recorded));
    wrong += raised.length;
    if (all && raised.length > 0)
      tell(
        'healthy',
        index,
        raised.map(({ alert, at }) => [alert.kind, alert.step, at, alert.title, alert.detail]),
      );
  }
  tell(
    `recall ${((100 * found) / (RUNS * kinds.length)).toFixed(1)} %; false alerts in ${RUNS} healthy runs: ${wrong}`,
  );
}

if (require.main === module) main();
