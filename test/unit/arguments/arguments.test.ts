import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TRAINER_ARGUMENTS, findArgument, type TrainerArgument } from '../../../src/core/arguments/arguments';
import { valueText } from '../../../src/core/format';

const get = (name: string): TrainerArgument => {
  const found = findArgument(name);
  assert.ok(found, name);
  return found;
};

describe("the trainer's arguments", () => {
  for (const [name, typed, value] of [
    ['learning_rate', '5e-5', 5e-5],
    ['learning_rate', ' 0.00005 ', 5e-5],
    ['batch_size', '16', 16],
    ['mixed_precision', 'true', true],
    ['mixed_precision', 'off', false],
    ['train_layers', '13,14,15', [13, 14, 15]],
    ['train_layers', '8-10', [8, 9, 10]],
    ['train_layers', 'upper_half', 'upper_half'],
    ['layer_weights', '1,0.5', '1,0.5'],
    ['curriculum_stages', 'student:40000', 'student:40000'],
    ['device', 'cuda:1', 'cuda:1'],
    ['wandb_tags', 'a, b', ['a', 'b']],
    ['gradient_clip', '0', 0],
  ] as const) {
    it(`${name} takes ${JSON.stringify(typed)}`, () => {
      assert.equal(get(name).validate(typed), null);
      assert.deepEqual(get(name).read(typed), value);
    });
  }

  for (const [name, typed, words] of [
    ['learning_rate', '0', /not above 0/],
    ['learning_rate', 'fast', /"fast" is not a number/],
    ['learning_rate', 'nan', /not a number/],
    ['learning_rate', '1e999', /not a number/],
    ['learning_rate', '0x10', /not a number/],
    ['weight_decay', '-1', /not at least 0/],
    ['batch_size', '1.5', /not a whole number/],
    ['batch_size', '0', /below 1/],
    ['max_steps', '99999999999999999999', /too large/],
    ['mixed_precision', 'maybe', /neither true nor false/],
    ['dataset_preset', 'tiny', /is not one of small, medium/],
    ['train_layers', '3-1', /goes backwards/],
    ['train_layers', '1,1', /named twice/],
    ['train_layers', 'top', /"top" is not a layer/],
    ['layer_weights', '1,x', /"x" is not a weight/],
    ['curriculum_stages', 'teachr:5', /"teachr"/],
    ['device', 'tpu', /is not one of auto/],
    ['batch_size', '  ', /Type a value/],
  ] as const) {
    it(`${name} refuses ${JSON.stringify(typed)} in one line`, () => {
      const message = get(name).validate(typed);
      assert.match(message ?? '', words);
      assert.ok(!message?.includes('\n'));
    });
  }

  it('every argument takes its own default, and gives it back on the command line', () => {
    for (const argument of TRAINER_ARGUMENTS) {
      if (argument.default === null || (Array.isArray(argument.default) && argument.default.length === 0)) continue;
      const typed = valueText(argument.default);
      assert.equal(argument.validate(typed), null, argument.name);
      assert.deepEqual(argument.read(typed), argument.default, argument.name);
      assert.ok(argument.argv(argument.default)[0]?.startsWith('--'), argument.name);
      assert.ok(!argument.description.includes('\n'));
    }
  });

  it('writes flags, lists and layers as the trainer reads them', () => {
    assert.deepEqual(get('mixed_precision').argv(true), ['--mixed_precision']);
    assert.deepEqual(get('async_save').argv(false), ['--no-async_save']);
    assert.deepEqual(get('train_file').argv(['a.txt', 'b.txt']), ['--train_file', 'a.txt', '--train_file', 'b.txt']);
    assert.deepEqual(get('wandb_tags').argv(['a', 'b']), ['--wandb_tags', 'a', 'b']);
    assert.deepEqual(get('train_layers').argv([2, 3]), ['--train_layers', '2,3']);
    assert.deepEqual(get('wandb_name').argv('-x'), ['--wandb_name=-x']);
  });

  it('a value that validates is never undefined or NaN, whatever was typed (property)', () => {
    fc.assert(
      fc.property(fc.constantFrom(...TRAINER_ARGUMENTS), fc.string(), (argument, typed) => {
        const message = argument.validate(typed);
        if (message !== null) {
          assert.ok(
            message !== '' &&
              !/[\r\n]/.test(message.replace(JSON.stringify(typed.trim()), '').replace(typed.trim(), '')),
          );
        } else {
          const value = argument.read(typed);
          assert.ok(value !== undefined && value !== null && !Number.isNaN(value), `${argument.name} ${typed}`);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
