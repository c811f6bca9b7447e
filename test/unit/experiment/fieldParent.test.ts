import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fieldParent } from '../../../src/core/experiment/fieldParent';
import { Lineage } from '../../../src/core/experiment/lineage';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { FixtureWorkspace } from './fixtureWorkspace';

const PATH = '/here/experiments/branch';
const found = (typed: unknown, name = 'branch', runPath = PATH): string | null => {
  const parent = fieldParent({ resume_from: typed }, runPath, name);
  return parent === null ? null : `${parent.run} ${parent.checkpoint ?? ''} ${parent.step}`;
};

describe('the parent of another trainer’s run', () => {
  it('is the run that the checkpoint’s path names, on whatever machine that was', () => {
    for (const typed of [
      'experiments/main/checkpoints/checkpoint-200',
      './experiments/main/checkpoints/checkpoint-200/',
      '/elsewhere/npt/experiments/main/checkpoints/checkpoint-200/npt_weights.pt',
      'C:\\npt\\experiments\\main\\checkpoints\\checkpoint-200',
      '../main/checkpoints/checkpoint-200',
      'main/checkpoint-200',
    ])
      assert.equal(found(typed), 'main checkpoint-200 200', typed);
    const nested = 'experiments/seq/layer_3/checkpoints/checkpoint-20';
    assert.equal(found(nested, 'seq/layer_4', '/here/experiments/seq/layer_4'), 'seq/layer_3 checkpoint-20 20');
  });

  it('is none where the path says no step, the run itself, or nothing', () => {
    for (const typed of [
      null,
      7,
      '',
      'experiments/main/checkpoints/final',
      'experiments/main',
      'checkpoint-200',
      'experiments/branch/checkpoints/checkpoint-200',
      '../checkpoints/checkpoint-200',
    ])
      assert.equal(found(typed), null, String(typed));
    for (const config of [null, {}]) assert.equal(fieldParent(config, PATH, 'branch'), null);
  });

  it('is read from anything without an error', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (typed, name) => {
        const parent = fieldParent({ resume_from: `${typed}/checkpoint-5` }, `/e/${name}`, name);
        assert.ok(parent === null || (parent.step === 5 && parent.run !== ''));
      }),
    );
  });

  it('is found by a scan where there is no run.json, and there alone', async () => {
    const ws = new FixtureWorkspace();
    try {
      ws.run('main');
      ws.checkpoint('main', 200);
      const typed = 'experiments/main/checkpoints/checkpoint-200';
      ws.write('their/training_log.jsonl', '{"step": 280, "total_loss": 2.5}\n');
      ws.write('their/config.json', { np_rank: 64, resume_from: typed });
      ws.run('ours', { config: { resume_from: typed } });
      const model = await scanWorkspace(ws.root);
      const lineage = new Lineage([model]);
      const parents = model.runs.map((run) => [run.name, lineage.parentOf(run)?.name, lineage.originOf(run)?.step]);
      assert.deepEqual(parents.sort(), [
        ['main', undefined, undefined],
        ['ours', undefined, undefined],
        ['their', 'main', 200],
      ]);
    } finally {
      ws.remove();
    }
  });
});
