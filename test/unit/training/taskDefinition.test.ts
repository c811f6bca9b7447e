import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PLAN_KINDS } from '../../../src/core/training/plan/request';
import { requestOf } from '../../../src/core/training/plan/taskDefinition';

describe('an npt task of tasks.json', () => {
  it('is a request whose path is absolute', () => {
    const written = {
      type: 'npt',
      kind: 'branch',
      checkpoint: 'experiments/a/checkpoints/checkpoint-5',
      changes: { learning_rate: 1e-5, mixed_precision: true, curriculum_stages: 'student:5' },
      name: 'b',
    };
    assert.deepEqual(requestOf(written, '/w'), {
      kind: 'branch',
      checkpoint: '/w/experiments/a/checkpoints/checkpoint-5',
      changes: { learning_rate: '0.00001', mixed_precision: 'true', curriculum_stages: 'student:5' },
      additionalSteps: undefined,
      name: 'b',
    });
    assert.deepEqual(requestOf({ kind: 'extend', checkpoint: '/e/a', additionalSteps: 7 }, '/w'), {
      ...{ kind: 'extend', checkpoint: '/e/a', changes: {}, additionalSteps: 7, name: undefined },
    });
  });

  it('a start may take nothing, a preset or a run', () => {
    const nothing = { kind: 'start', changes: {}, additionalSteps: undefined, name: undefined };
    assert.deepEqual(requestOf({ kind: 'start' }, '/w'), nothing);
    assert.deepEqual(requestOf({ kind: 'start', preset: 'demo', from: 'experiments/a' }, '/w'), {
      ...nothing,
      preset: 'demo',
      from: '/w/experiments/a',
    });
  });

  const wrong: [object, RegExp][] = [
    [
      { checkpoint: 'x' },
      /^"kind" is missing: write start, resume, extend, fine-tune, debug, branch, re-run, export, generate, evaluate\.$/,
    ],
    [{ kind: 'resum', checkpoint: 'x' }, /^"kind" is "resum": write/],
    [{ kind: 'resume' }, /^"checkpoint" is missing: write/],
    [{ kind: 'resume', checkpoint: 7 }, /^"checkpoint" is 7: write/],
    [{ kind: 'resume', checkpoint: ' ' }, /^"checkpoint" is " ": write/],
    [{ kind: 'branch', checkpoint: 'x', changes: [1] }, /^"changes" is \[1\]: write/],
    [{ kind: 'branch', checkpoint: 'x', changes: null }, /^"changes" is null: write/],
    [{ kind: 'branch', checkpoint: 'x', changes: { lr: [1] } }, /^"changes" gives lr the value \[1\]: write/],
    [{ kind: 'extend', checkpoint: 'x', additionalSteps: -1 }, /^"additionalSteps" is -1: write/],
    [{ kind: 'extend', checkpoint: 'x', additionalSteps: '10' }, /^"additionalSteps" is "10": write/],
    [{ kind: 'branch', checkpoint: 'x', name: 5 }, /^"name" is 5: write/],
    [{ kind: 're-run', checkpoint: 'x' }, /^"from" is missing: write the path of a run/],
    [{ kind: 'start', from: 5 }, /^"from" is 5: write the path of a run/],
    [{ kind: 'start', preset: true }, /^"preset" is true: write/],
    [{ kind: 'debug', checkpoint: 'x', stage: ['student'] }, /^"stage" is \["student"\]: write/],
    [{ kind: 'start', launcher: 'kubernetes' }, /^"launcher" is "kubernetes": write local, torchrun, slurm\.$/],
    [{ kind: 'start', launcherOptions: {} }, /^"launcher" is missing: write/],
    [{ kind: 'start', launcher: 'slurm', launcherOptions: [1] }, /^"launcherOptions" is \[1\]: write/],
  ];
  for (const [definition, message] of wrong) {
    it(`says what is wrong with ${JSON.stringify(definition)}`, () => {
      const read = requestOf({ type: 'npt', ...definition }, '/w');
      assert.match(typeof read === 'string' ? read : 'a request', message);
    });
  }

  it('is a request or one line, whatever it holds', () => {
    const anything = fc.dictionary(
      fc.constantFrom('kind', 'checkpoint', 'from', 'preset', 'stage', 'changes', 'additionalSteps', 'name'),
      fc.oneof(fc.jsonValue(), fc.constantFrom(...PLAN_KINDS)),
    );
    fc.assert(
      fc.property(anything, (definition) => {
        const read = requestOf(definition, '/w');
        return typeof read !== 'string' || (read.endsWith('.') && !read.includes('\n'));
      }),
    );
  });
});
