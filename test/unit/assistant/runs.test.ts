import assert from 'node:assert/strict';
import type { ValidationReport } from '../../../src/core/checkpoint/report/report';
import { answerText, ROOM } from '../../../src/core/assistant/answer';
import { comparisonAnswer } from '../../../src/core/assistant/comparison';
import { listExperiments, type ListInput } from '../../../src/core/assistant/experiments';
import type { Experiments, RunFacts } from '../../../src/core/assistant/runFacts';
import { validationAnswer } from '../../../src/core/assistant/validation';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { aCheckpoint, aRun } from '../model/builders';

const REPORT: ValidationReport = {
  ...{ path: '/ws/experiments/demo/checkpoints/checkpoint-200', level: 'numbers', verdict: 'valid', step: 200 },
  ...{ stage: 'mixed', layers: [2, 3], modulation: 'single', npRank: 16, numRanks: 1, parameters: 10, files: [] },
  ...{ findings: [], seconds: 1 },
};

function experimentsOf(runs: readonly Run[], reports: readonly ValidationReport[] = []): Experiments {
  const workspace = { root: '/ws', experiments: '/ws/experiments', runs, problems: [] };
  return {
    workspaces: [workspace],
    lineage: new Lineage([workspace]),
    report: (path) => reports.find((report) => report.path === path),
    now: 1_800_000_000,
  };
}

interface Listed {
  readonly matching: number;
  readonly runs: readonly RunFacts[];
  readonly leftOut?: string;
}
const listed = (runs: readonly Run[], input: ListInput = {}, reports: readonly ValidationReport[] = []): Listed =>
  JSON.parse(answerText(listExperiments(input, experimentsOf(runs, reports)))) as Listed;

function evaluated(name: string, loss: number | null, rest: Partial<Run> = {}): Run {
  const at = `/ws/experiments/${name}`;
  return aRun(name, {
    checkpoints: [
      aCheckpoint(100, at, { evalLoss: loss, best: loss !== null }),
      aCheckpoint(200, at, { evalLoss: loss === null ? null : loss + 1 }),
    ],
    ...rest,
  });
}

describe('npt_list_experiments', () => {
  const parent = evaluated('demo', 2.5, { config: { learning_rate: 1e-4, seed: 42 } });
  const branch = evaluated('demo-lr5e-5', 2.25, {
    parent: { id: 'id-demo', run: 'demo', checkpoint: 'checkpoint-100', step: 100 },
    config: { learning_rate: 5e-5, seed: 42 },
  });

  it('tells of each run how it is doing and what its figures are', () => {
    const { matching, runs } = listed([branch, parent], {}, [REPORT]);
    assert.equal(matching, 2);
    const [first, second] = runs;
    assert.deepEqual(first?.branchedFrom, { run: 'demo', step: 100, checkpoint: 'checkpoint-100' });
    assert.deepEqual(first.bestEvaluation, { value: 2.25, step: 100, checkpoint: 'checkpoint-100' });
    assert.deepEqual(first.newestEvaluation, { value: 3.25, step: 200, checkpoint: 'checkpoint-200' });
    assert.deepEqual(second?.checkpoints, { count: 2, newest: 'checkpoint-200' });
    assert.deepEqual(second.verdicts, { 'checkpoint-200': 'valid (level numbers)' });
    assert.deepEqual([second.state, second.step, second.maxSteps, second.loss], ['interrupted', 300, 600, 2.5]);
  });

  it('says what is gone, broken, waiting, failed and not finite', () => {
    const at = '/ws/experiments/odd';
    const odd = aRun('odd', {
      parent: { id: 'other', run: 'lost', checkpoint: null, step: 10 },
      checkpoints: [aCheckpoint(1, at, { state: 'broken', stateReason: 'no weights' })],
      loss: Number.NaN,
      queue: { id: 'q', position: 2, failure: null },
      exit: { why: 'failed', step: 1, segment: 1, signal: null, error: 'CUDA out of memory', time: 0 },
    });
    const [told] = listed([odd]).runs;
    assert.deepEqual(told?.branchedFrom, { run: 'lost', step: 10, gone: 'run' });
    assert.deepEqual(told.checkpoints, { count: 1, newest: null, other: { 'checkpoint-1': 'broken: no weights' } });
    assert.deepEqual([told.loss, told.error, told.waiting], ['NaN', 'CUDA out of memory', 'number 2 in the queue']);
  });

  it('tells what people wrote of a run, and finds it by that', () => {
    const runs = [aRun('a', { notes: { tags: ['star', 'keep'], summary: 'A good start' } }), aRun('b')];
    const { runs: found } = listed(runs, { filter: 'tag:keep start' });
    assert.deepEqual(
      found.map(({ name, tags, notes }) => [name, tags, notes]),
      [['a', ['star', 'keep'], 'A good start']],
    );
    assert.ok(!('tags' in (listed(runs).runs[1] ?? {})));
  });

  it('takes the language of the table, and says what is wrong with a filter', () => {
    assert.deepEqual(
      listed([branch, parent], { filter: 'lr:5e-5' }).runs.map(({ name }) => name),
      ['demo-lr5e-5'],
    );
    assert.throws(() => listed([parent], { filter: 'lss<2' }), {
      message: '"filter": There is no column “lss”. Did you mean loss?',
    });
  });

  it('has the best first where that is asked for, those without an evaluation last', () => {
    const none = evaluated('none', null);
    const nan = evaluated('nan', Number.NaN);
    assert.deepEqual(
      listed([none, parent, nan, branch], { sort: 'best' }).runs.map(({ name }) => name),
      ['demo-lr5e-5', 'demo', 'none', 'nan'],
    );
  });

  it('stays short of hundreds of runs and of hostile names, and says what it left out', () => {
    const many = Array.from({ length: 300 }, (_, n) =>
      aRun(`run-${n}-${'x'.repeat(5000)}`, {
        exit: { why: 'failed', step: 1, segment: 1, signal: null, error: 'e'.repeat(100_000), time: 0 },
      }),
    );
    const few = listed(many);
    assert.equal(few.matching, 300);
    assert.match(few.leftOut ?? '', /more match/);
    const all = answerText(listExperiments({ limit: 200 }, experimentsOf(many)));
    assert.ok(all.length < ROOM + 2000, `${all.length} characters`);
    const hidden = answerText(listExperiments({}, experimentsOf([aRun('a\u{e0041}"}]\n')])));
    assert.match(hidden, /a\\\\u\{e0041\}\\"\}\]\\\\n/);
  });
});

describe('npt_compare_runs', () => {
  interface Compared {
    readonly best: { readonly run: string; readonly value: number } | null;
    readonly doubts?: readonly string[];
    readonly arguments: {
      readonly differ: readonly { readonly argument: string; readonly values: readonly unknown[] }[];
      readonly same: number;
      readonly unknown?: readonly string[];
    };
  }
  const compared = (runs: readonly Run[]): Compared =>
    JSON.parse(answerText(comparisonAnswer(runs, experimentsOf(runs)))) as Compared;

  it('has the arguments that differ, and the best run', () => {
    const one = evaluated('one', 2.5, { config: { learning_rate: 1e-4, seed: 1, output_dir: 'x' } });
    const two = evaluated('two', 2.25, { config: { learning_rate: 5e-5, seed: 1, output_dir: 'y', np_rank: 8 } });
    const three = evaluated('three', null, { config: null });
    const { best, doubts, arguments: args } = compared([one, two]);
    assert.deepEqual([best?.run, best?.value, doubts], ['two', 2.25, undefined]);
    assert.deepEqual(args.differ, [{ argument: 'learning_rate', values: [1e-4, 5e-5] }]);
    assert.equal(args.same, 2, 'what one does not tell differs from nothing');
    assert.deepEqual(compared([one, three]).arguments.unknown, ['three']);
    assert.deepEqual(compared([one, three]).doubts, ['1 of the runs have no evaluation']);
    assert.equal(compared([three, three]).best, null);
  });

  it('doubts evaluations that were made on other texts', () => {
    const one = evaluated('one', 2.5, { config: { validation_file: 'a' } });
    const two = evaluated('two', 2.25, { config: { validation_file: 'b' } });
    assert.deepEqual(compared([one, two]).doubts, ['evaluations differ by validation_file and may not be comparable']);
  });
});

describe('npt_validate_checkpoint', () => {
  const run = aRun('demo');

  it('says what a verdict means, and what was not looked at', () => {
    const answer = JSON.parse(answerText(validationAnswer(REPORT, run, new Map()))) as Record<string, unknown>;
    assert.deepEqual(
      [answer.verdict, answer.safeToResume, answer.checkpoint, answer.levelsNotLookedAt],
      ['valid', true, 'checkpoint-200', ['forward']],
    );
  });

  it('has the errors first, names what can be used instead, and stays short', () => {
    const bad: ValidationReport = {
      ...{ ...REPORT, verdict: 'invalid', path: '/ws/experiments/demo/checkpoints/checkpoint-300' },
      findings: [
        ...Array.from({ length: 500 }, () => ({
          ...({ code: 'odd-norm', severity: 'warning', file: 'npt_weights.pt', message: 'm'.repeat(2000) } as const),
        })),
        { code: 'nan', severity: 'error', file: null, message: 'NaN in layer 2.', advice: 'Use an older one.' },
      ],
    };
    const answer = JSON.parse(answerText(validationAnswer(bad, run, new Map([[bad.path, 'NaN']])))) as {
      readonly safeToResume: boolean;
      readonly findings: readonly { readonly code: string; readonly whatToDo?: string }[];
      readonly instead: string;
      readonly leftOut: string;
    };
    assert.equal(answer.safeToResume, false);
    assert.deepEqual([answer.findings[0]?.code, answer.findings[0]?.whatToDo], ['nan', 'Use an older one.']);
    assert.match(answer.instead, /checkpoint-200/);
    assert.match(answer.leftOut, /^481 findings/);
    assert.ok(answerText(answer).length < ROOM);
  });
});
