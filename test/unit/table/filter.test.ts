import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Run } from '../../../src/core/experiment/model';
import { readFilter } from '../../../src/core/table/filter';
import { aCheckpoint, aRun } from '../model/builders';
import { NOON, rowsOf } from './someRows';

const HOUR = 3600;
const at = (path: string, patch: Parameters<typeof aCheckpoint>[2]): Run['checkpoints'] => [
  aCheckpoint(100, path, patch),
];

const TABLE = rowsOf([
  aRun('llama-a', {
    state: 'training',
    stage: 'student',
    loss: 2.0931,
    step: 24_000,
    maxSteps: 60_000,
    created: NOON - 2 * HOUR,
    config: { learning_rate: 1e-5, seed: 3, optimizer: 'adamw', batch_size: 8, block_size: 512 },
  }),
  aRun('llama-b', {
    state: 'failed',
    stage: 'mixed',
    loss: Number.NaN,
    step: 400,
    created: NOON - 30 * HOUR,
    parent: { id: 'id-llama-a', run: 'llama-a', checkpoint: null, step: 100 },
    checkpoints: at('/ws/experiments/llama-b', { evalLoss: 2.3, bytes: 2e9, time: NOON - 27 * HOUR }),
    config: { learning_rate: 3e-5, seed: 4, optimizer: 'sgd', batch_size: 8, block_size: 512 },
  }),
  aRun('name with spaces', {
    state: 'finished',
    stage: null,
    loss: null,
    step: 60_000,
    maxSteps: 60_000,
    created: NOON - 50 * HOUR,
    checkpoints: [],
    config: { learning_rate: 1e-5, seed: 'random', optimizer: null },
  }),
]);

function found(typed: string): string[] {
  const { filter, problem } = readFilter(typed, TABLE.columns, NOON);
  assert.equal(problem, null, typed);
  return TABLE.rows.filter((row) => filter.matches(row)).map(({ name }) => name.slice(-1));
}

function problemOf(typed: string): string {
  const { problem } = readFilter(typed, TABLE.columns, NOON);
  assert.ok(problem !== null, `${typed} was read`);
  assert.ok(!problem.includes('\n'), 'one line');
  return problem;
}

describe('the filter of the table of runs', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['', 'abs'],
    ['   ', 'abs'],
    ['stage:student loss<2.1', 'a'],
    ['state:failed', 'b'],
    ['state:failed,finished', 'bs'],
    ['STATE:Fail', 'b'],
    ['lr:1e-5', 'as'],
    ['learning_rate:0.00001', 'as'],
    ['--learning_rate>1e-5', 'b'],
    ['lr>=1e-5 lr<3e-5', 'as'],
    ['lr!=1e-5', 'b'],
    ['-lr:1e-5', 'b'],
    ['!state:failed', 'as'],
    ['llama', 'ab'],
    ['LLAMA -mixed', 'a'],
    ['"name with"', 's'],
    ['run:"with spaces"', 's'],
    ['run=llama', ''],
    ['run=LLAMA-A', 'a'],
    ['parent:llama', 'b'],
    ['parent:none', 'as'],
    ['-parent:none', 'b'],
    ['seed:random', 's'],
    ['seed<4', 'a'],
    ['optimizer:none', 's'],
    ['loss:2.1', 'a'],
    ['loss:2.0', ''],
    ['loss:2.09', 'a'],
    ['loss:2', 'a'],
    ['loss:nan', 'b'],
    ['loss:none', 's'],
    ['loss<100', 'a'],
    ['step>=24k', 'as'],
    ['step:24000', 'a'],
    ['done:40%', 'a'],
    ['done<50', 'a'],
    ['duration>2h30m', 'b'],
    ['duration>179m', 'b'],
    ['size>=2GB', 'b'],
    ['size>2.1gb', ''],
    ['started:today', 'a'],
    ['started:yesterday', 'b'],
    ['started<2026-11-26', 'bs'],
    ['started>=2026-11-25', 'ab'],
    ['bestEval<2.4', 'b'],
    ['best_eval<2.4', 'b'],
    ['"loss<2.1"', ''],
    ['state:"failed"', 'b'],
  ];
  for (const [typed, expected] of cases) {
    it(`reads ${typed === '' ? 'nothing' : typed}`, () => {
      assert.equal(found(typed).join(''), expected);
    });
  }

  const problems: readonly (readonly [string, string])[] = [
    ['lss<2', 'There is no column “lss”. Did you mean loss?'],
    ['learning:1', 'There is no column “learning”. Did you mean learning_rate?'],
    ['https://x', 'There is no column “https”. Put it in quotes to look for it as text.'],
    ['bs:8', '“bs” may be batch_size or block_size: write it out.'],
    ['loss<', 'After Loss goes a number, such as 2.1.'],
    ['loss<abc', '“abc” is not a number, such as 2.1 (Loss).'],
    ['duration>2', '“2” is not a time with its unit, such as 2h or 1h30m (Duration).'],
    ['started:2026-02-30', '“2026-02-30” is not a day, such as 2026-11-26, today or yesterday (Started).'],
    ['state<failed', 'State is a text: state:failed looks for it.'],
    ['state:', 'After State goes what it contains, or “none”.'],
    ['seed:', 'After seed goes its value, or “none”.'],
    ['seed<', 'After seed goes a number, such as 0.1 or 1e-5.'],
    ['seed<x', '“x” is not a number, such as 0.1 or 1e-5 (seed).'],
    ['<5', 'Before < goes a column’s name, as in loss<2.1.'],
    ['run:"open', 'A quote is open: close it with ".'],
  ];
  for (const [typed, expected] of problems) {
    it(`says what is wrong with ${typed}`, () => {
      assert.equal(problemOf(typed), expected);
    });
  }

  it('reads or refuses whatever is typed, in one line', () => {
    const parts = [
      'loss',
      'lr',
      'state',
      '"',
      ':',
      '<',
      '>=',
      '!=',
      '=',
      '-',
      '!',
      ',',
      ' ',
      '1e-5',
      '2h',
      '%',
      'x',
      '\n',
      '𝟙',
    ];
    const typed = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(typed, (text) => {
        const { filter, problem } = readFilter(text, TABLE.columns, NOON);
        if (problem === null) TABLE.rows.forEach((row) => filter.matches(row));
        else assert.ok(problem.length > 10);
      }),
    );
  });

  it('finds a name by itself in quotes, and each run either passes a word or its opposite', () => {
    const text = fc.string().filter((each) => !each.includes('"') && each !== '');
    fc.assert(
      fc.property(text, (name) => {
        const table = rowsOf([aRun(name), aRun('other')]);
        const { filter } = readFilter(`"${name}"`, table.columns, NOON);
        const row = table.rows.find((each) => each.name === name);
        assert.ok(row !== undefined && filter?.matches(row) === true);
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom('loss<2.1', 'lr:1e-5', 'seed>3', 'state:failed', 'done>1%'), (word) => {
        assert.deepEqual([...found(word), ...found(`-${word}`)].sort(), ['a', 'b', 's']);
      }),
    );
  });
});
