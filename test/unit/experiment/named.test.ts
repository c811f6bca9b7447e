import assert from 'node:assert/strict';
import { NameProblem, placeNamed, runNamed } from '../../../src/core/experiment/named';
import type { Run, Workspace } from '../../../src/core/experiment/model';
import { aCheckpoint, aRun } from '../model/builders';

const workspace = (runs: readonly Run[], root = '/ws'): Workspace => ({
  root,
  experiments: `${root}/experiments`,
  runs,
  problems: [],
});

describe('runs by what they are called', () => {
  const all = [
    workspace([
      aRun('demo'),
      aRun('demo-lr5e-5'),
      aRun('demo-lr1e-4'),
      aRun('Big'),
      aRun('seq/layer_3', { path: '/ws/experiments/seq/layer_3' }),
    ]),
  ];
  const nameOf = (typed: string): string => runNamed(all, typed).name;

  it('by name, whatever else begins with it, by part, by path, by id', () => {
    assert.equal(nameOf('demo'), 'demo');
    assert.equal(nameOf(' big '), 'Big');
    assert.equal(nameOf('lr5e'), 'demo-lr5e-5');
    assert.equal(nameOf('layer_3'), 'seq/layer_3');
    assert.equal(nameOf('seq/layer_3'), 'seq/layer_3');
    assert.equal(nameOf('/ws/experiments/demo'), 'demo');
    assert.equal(nameOf('experiments/demo/'), 'demo');
    assert.equal(nameOf('id-demo'), 'demo');
  });

  const refused = (act: () => unknown): string => {
    let message = '';
    assert.throws(act, (error) => {
      assert.ok(error instanceof NameProblem);
      ({ message } = error);
      return true;
    });
    assert.doesNotMatch(message, /\n/);
    return message;
  };

  it('says which there are where it is none or several', () => {
    assert.equal(
      refused(() => runNamed(all, 'demo-lr')),
      '“demo-lr” may be demo-lr5e-5, demo-lr1e-4: write which one.',
    );
    assert.match(
      refused(() => runNamed(all, 'nope')),
      /^There is no run “nope”\. There are demo, demo-lr5e-5, demo-lr1e-4, Big, seq\/layer_3\.$/,
    );
    assert.match(
      refused(() => runNamed(all, ' ')),
      /^Name a run: demo, /,
    );
    assert.match(
      refused(() => runNamed([workspace([])], 'demo')),
      /no runs/,
    );
    const many = [workspace(Array.from({ length: 25 }, (_, n) => aRun(`run-${n}`)))];
    assert.match(
      refused(() => runNamed(many, 'run')),
      /^“run” may be run-0, .*run-9 and 15 more: write which one\.$/,
    );
  });

  it('of two workspaces with the same name asks for the path', () => {
    const two = [
      workspace([aRun('demo')]),
      workspace([aRun('demo', { path: '/other/experiments/demo', id: 'other' })], '/other'),
    ];
    assert.equal(
      refused(() => runNamed(two, 'demo')),
      '“demo” may be /ws/experiments/demo, /other/experiments/demo: write which one.',
    );
    assert.equal(runNamed(two, '/other/experiments/demo').id, 'other');
  });

  it('writes out what cannot be seen, and takes it back so', () => {
    const hidden = [workspace([aRun('a\u202eb')])];
    assert.match(
      refused(() => runNamed(hidden, 'x')),
      /There are a\\u202eb\./,
    );
    assert.equal(runNamed(hidden, 'a\\u202eb').name, 'a\u202eb');
  });
});

describe('checkpoints by what they are called', () => {
  const at = '/ws/experiments/demo';
  const run = aRun('demo', {
    checkpoints: [
      aCheckpoint(100, at, { evalLoss: 2, best: true }),
      aCheckpoint(200, at, { evalLoss: 3 }),
      aCheckpoint(300, at, { state: 'writing' }),
    ],
    final: aCheckpoint(200, at, { name: 'final', path: `${at}/checkpoints/final` }),
  });
  const all = [workspace([run, aRun('empty', { checkpoints: [] })])];
  const nameOf = (typed: string, checkpoint?: string): string | undefined =>
    placeNamed(all, typed, checkpoint).checkpoint?.name;

  it('by name, step, path, or what it is; with its run in one, too', () => {
    assert.equal(nameOf('demo'), undefined, 'a run stays a run');
    assert.equal(nameOf('demo', ' '), undefined);
    assert.equal(nameOf('demo', 'checkpoint-100'), 'checkpoint-100');
    assert.equal(nameOf('demo', '200'), 'checkpoint-200');
    assert.equal(nameOf('demo', 'final'), 'final');
    assert.equal(nameOf('demo', 'newest'), 'checkpoint-200');
    assert.equal(nameOf('demo', 'Best'), 'checkpoint-100');
    assert.equal(nameOf('demo', 'experiments/demo/checkpoints/checkpoint-100'), 'checkpoint-100');
    assert.equal(nameOf('demo/checkpoint-100'), 'checkpoint-100');
    assert.equal(nameOf('demo/300'), 'checkpoint-300');
    assert.equal(nameOf(`${at}/checkpoints/final/`), 'final');
  });

  it('says which there are', () => {
    assert.throws(() => nameOf('demo', '250'), {
      message: 'demo has no checkpoint “250”. It has final, checkpoint-300, checkpoint-200, checkpoint-100.',
    });
    assert.throws(() => nameOf('demo/checkpoint-7'), { message: /^demo has no checkpoint “checkpoint-7”/ });
    assert.throws(() => nameOf('empty', 'newest'), { message: 'empty has no checkpoint yet.' });
    assert.throws(() => nameOf('nope/checkpoint-7'), { message: /^There is no run “nope\/checkpoint-7”/ });
    const unevaluated = [workspace([aRun('demo')])];
    assert.throws(() => placeNamed(unevaluated, 'demo', 'best'), { message: /^No evaluation says/ });
  });
});
