/** Lists and ranges of values, as the branch wizard takes them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TRAINER_ARGUMENTS, findArgument, type TrainerArgument } from '../../../src/core/arguments/arguments';
import { ValueRefused } from '../../../src/core/arguments/argumentValues';
import { joinSeparated, splitSeparated, typedText } from '../../../src/core/arguments/separated';
import {
  MOST_BRANCHES,
  branchCount,
  combinations,
  readAlternatives,
  writeAlternatives,
} from '../../../src/core/arguments/values';

const get = (name: string): TrainerArgument => {
  const found = findArgument(name);
  assert.ok(found, name);
  return found;
};

function refused(name: string, typed: string): string {
  try {
    readAlternatives(get(name), typed);
  } catch (error) {
    assert.ok(error instanceof ValueRefused, String(error));
    return error.message;
  }
  assert.fail(`${name} took ${typed}`);
}

describe('several values of an argument', () => {
  for (const [name, typed, values] of [
    ['learning_rate', '1e-5,3e-5', ['1e-5', '3e-5']],
    ['learning_rate', '1e-5 | 3e-5 |', ['1e-5', '3e-5']],
    ['learning_rate', '5e-5 | 1e-5, 0.00005', ['5e-5', '1e-5']],
    ['learning_rate', 'log 1e-6..1e-4 x3', ['1e-6', '1e-5', '1e-4']],
    ['learning_rate', 'log 1e-6..1e-4 x4', ['1e-6', '4.64e-6', '2.15e-5', '1e-4']],
    ['learning_rate', 'LOG 1e-4 .. 1e-6 × 3', ['1e-4', '1e-5', '1e-6']],
    ['learning_rate', '3e-3, log 1e-6..1e-5x2', ['0.003', '1e-6', '1e-5']],
    ['lambda_reg', 'lin 0..0.3 x4', ['0', '0.1', '0.2', '0.3']],
    ['batch_size', 'lin 1..4 x4', ['1', '2', '3', '4']],
    ['batch_size', 'log 1..64 x4', ['1', '4', '16', '64']],
    ['max_steps', 'log 1000..100000 x4', ['1000', '4642', '21544', '100000']],
    ['train_layers', '13,14 | 15', ['13,14', '15']],
    ['train_layers', '2,3', ['2,3']],
    ['train_layers', '2,3 | 2-3 | upper_half', ['2,3', 'upper_half']],
    ['layer_weights', '1,0.5 | uniform', ['1,0.5', 'uniform']],
    ['curriculum_stages', 'teacher:1,student:2|student:3', ['teacher:1,student:2', 'student:3']],
    ['mixed_precision', 'true | off', ['true', 'off']],
    ['wandb_name', 'a\\|b', ['a|b']],
    ['wandb_name', 'log 1..2 x3', ['log 1..2 x3']],
    ['wandb_tags', 'a, b | c', ['a, b', 'c']],
    ['wandb_project', 'C:\\runs\\new', ['C:\\runs\\new']],
  ] as const) {
    it(`${name} ${typed} → ${values.join(' · ')}`, () => {
      const read = readAlternatives(get(name), typed);
      assert.deepEqual(
        read.map((value) => typedText(get(name).read(value))),
        values.map((value) => typedText(get(name).read(value))),
      );
      assert.equal(read.length, values.length);
    });
  }

  for (const [name, typed, words] of [
    ['learning_rate', ' , | ', /^Type a value\.$/],
    ['learning_rate', '1e-5, fast', /^Value 2: "fast" is not a number/],
    ['learning_rate', '1e-6..1e-4 x4', /write log before it for equal ratios, or lin for equal steps/],
    ['learning_rate', 'log 1e-6..1e-4', /does not say how many values: write log 1e-6\.\.1e-4 x4/],
    ['learning_rate', 'log 1e-6..1e-4 x1', /"x1" has to be a whole number of values from x2 to x100/],
    ['learning_rate', 'log 1e-6..1e-4 x1000', /from x2 to x100/],
    ['learning_rate', 'log 1e-6..1e-4 xfour', /"xfour" has to be a whole number/],
    ['learning_rate', 'log 0..1 x3', /have to be above 0; lin can begin at 0/],
    ['learning_rate', 'lin 0..1 x3', /"0" is not above 0/],
    ['learning_rate', 'lin 1..1 x3', /both ends are the same; write 1 alone/],
    ['learning_rate', 'lin a..1 x3', /"a" is not a number/],
    ['learning_rate', 'lin 1', /is not a range: write log/],
    ['learning_rate', 'lin 1...4 x2', /is not a range|not a number/],
    ['learning_rate', 'lin ..4 x2', /is not a range/],
    ['batch_size', 'lin 1..3 x9', /asks for 9 values, and only 3 of them differ/],
    ['batch_size', 'lin 0..3 x4', /"0" is below 1/],
    ['train_layers', '1,2 | 3-1', /^Value 2: "3-1" goes backwards/],
    ['train_layers', 'lin 1..4 x4', /is not a layer/],
    ['curriculum_stages', 'student:5 | teachr:5', /^Value 2: Curriculum, stage 1, character 1: "teachr"/],
  ] as const) {
    it(`${name} refuses ${JSON.stringify(typed)} in one line`, () => {
      const message = refused(name, typed);
      assert.match(message, words);
      assert.doesNotMatch(message, /[\r\n]/);
    });
  }

  it('at most a hundred at once', () => {
    const many = Array.from({ length: MOST_BRANCHES + 1 }, (_, at) => at + 1);
    assert.match(refused('batch_size', many.join(',')), /101 values; 100 are the most/);
    assert.equal(readAlternatives(get('batch_size'), many.slice(1).join('|')).length, MOST_BRANCHES);
  });

  const numbers = fc.double({ min: 1e-12, max: 1e12, noNaN: true });

  it('a range begins and ends where it says, in order, evenly, with short numbers (property)', () => {
    fc.assert(
      fc.property(fc.constantFrom('log', 'lin'), numbers, numbers, fc.integer({ min: 2, max: 100 }), (how, a, b, n) => {
        // Nearer than that, doubles have nothing between them.
        fc.pre(Math.abs(a - b) > 1e-6 * Math.max(a, b));
        const values = readAlternatives(get('learning_rate'), `${how} ${a}..${b} x${n}`).map(Number);
        assert.equal(values.length, n);
        assert.deepEqual([values[0], values.at(-1)], [a, b]);
        const scale = how === 'log' ? Math.log : (x: number): number => x;
        const gap = (scale(b) - scale(a)) / (n - 1);
        values.slice(1).forEach((value, at) => {
          const step = scale(value) - scale(values[at]!);
          assert.ok(Math.abs(step / gap - 1) < 0.05, `${values[at]} → ${value}: ${step} of ${gap}`);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('whatever values there are, the text of several reads back as them (property)', () => {
    // Letters of every separator, escape and range.
    const text = fc
      .string({
        unit: fc.constantFrom('a', '|', ',', '\\', ' ', '.', 'x', '1', '-', 'log '),
        minLength: 1,
        maxLength: 12,
      })
      .map((each) => each.trim())
      .filter((each) => each !== '');
    const cases = fc
      .constantFrom(...TRAINER_ARGUMENTS)
      .chain((argument) => fc.tuple(fc.constant(argument), fc.uniqueArray(text, { minLength: 1, maxLength: 5 })));
    fc.assert(
      fc.property(cases, ([argument, texts]) => {
        const values = texts.filter((each) => argument.validate(each) === null);
        fc.pre(values.length > 0);
        const meanings = [...new Set(values.map((each) => typedText(argument.read(each))))];
        const read = readAlternatives(argument, writeAlternatives(argument, values));
        assert.deepEqual(
          read.map((each) => typedText(argument.read(each))),
          meanings,
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('whatever is typed is read or refused in one line, and never makes an empty or an unreadable value (property)', () => {
    const typed = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('log', 'lin', ' ', '..', '1', 'e-4', 'x', '3', ',', '|', '\\', '.', '-') }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...TRAINER_ARGUMENTS), typed, (argument, text) => {
        let values: string[];
        try {
          values = readAlternatives(argument, text);
        } catch (error) {
          assert.ok(error instanceof ValueRefused && error.message !== '', String(error));
          return;
        }
        assert.ok(values.length > 0);
        for (const value of values) assert.equal(argument.validate(value), null);
      }),
      { numRuns: 3000 },
    );
  });

  it('a list keeps entries that have commas, and backslashes', () => {
    const tags = get('wandb_tags');
    for (const entries of [['a,b', 'c'], ['a\\', 'b'], ['a\\,b'], ['C:\\x\\', '\\']]) {
      assert.deepEqual(tags.read(typedText(entries)), entries);
    }
  });

  it('texts between separators come back whole (property)', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '|', ',', '\\', ' ') }).map((each) => each.trim());
    fc.assert(
      fc.property(fc.array(text, { minLength: 1 }), (texts) => {
        assert.deepEqual(splitSeparated(joinSeparated(texts, ' | '), '|'), texts);
        assert.deepEqual(splitSeparated(joinSeparated(texts, ','), ','), texts);
      }),
      { numRuns: 2000 },
    );
  });

  it('makes every combination, and counts them beforehand', () => {
    const values = { a: ['1', '2'], b: ['x'], c: ['3', '4'] };
    assert.deepEqual(combinations(values), [
      { a: '1', b: 'x', c: '3' },
      { a: '1', b: 'x', c: '4' },
      { a: '2', b: 'x', c: '3' },
      { a: '2', b: 'x', c: '4' },
    ]);
    assert.equal(branchCount(values), 4);
    assert.deepEqual(combinations({}), [{}]);
    assert.equal(branchCount({}), 1);
  });
});
