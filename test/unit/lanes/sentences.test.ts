import assert from 'node:assert/strict';
import type { Run } from '../../../src/core/experiment/model';
import { layoutOf, type Lane, type Layout } from '../../../src/core/lanes/layout';
import { checkpointSentence, laneSentence } from '../../../src/core/lanes/sentences';
import { aCheckpoint, aRun } from '../model/builders';
import { branchOf, laneRuns } from './builders';

function pictured(...runs: Run[]): { layout: Layout; lane: (name: string) => Lane; said: (name: string) => string } {
  const layout = layoutOf(laneRuns(runs), null);
  const lane = (name: string): Lane => {
    const found = layout.lanes.find((each) => each.name === name);
    assert.ok(found, name);
    return found;
  };
  return { layout, lane, said: (name) => laneSentence(lane(name), layout) };
}

const PATH = '/ws/experiments/main';

describe('what the picture of the lineage says', () => {
  it('tells run, state, step, stage, best evaluation and where it came from', () => {
    const main = aRun('main', {
      state: 'training',
      checkpoints: [aCheckpoint(100, PATH), aCheckpoint(200, PATH, { best: true, evalLoss: 2.25 })],
    });
    const { said } = pictured(branchOf('main', 200, 'child', { checkpoints: [] }), main);
    assert.equal(
      said('main'),
      'main: training, step 300 of 600, mixed stage, best evaluation 2.25 at step 200, 2 checkpoints, 1 branch.',
    );
    assert.equal(
      said('child'),
      'child: interrupted, step 300 of 600, mixed stage, last loss 2.5, 0 checkpoints. Branched from main at step 200.',
    );
  });

  it('says of an origin what is no longer so', () => {
    const { said } = pictured(
      branchOf('main', 150, 'without'),
      branchOf('main', 900, 'beyond'),
      branchOf('lost', 100, 'orphan'),
      branchOf('self', 100, 'self'),
      branchOf('d', 100, 'c'),
      branchOf('c', 100, 'd'),
      aRun('new', { id: 'id-main' }),
    );
    const origin = (name: string): string => said(name).split('. ').slice(1).join('. ');
    assert.equal(origin('without'), 'Branched from new (then main) at step 150, whose checkpoint is no longer there.');
    assert.equal(origin('beyond'), 'Branched from new (then main) at step 900, a step that it does not have any more.');
    assert.equal(origin('orphan'), 'Branched from lost at step 100, which is gone.');
    assert.match(origin('self'), /names the run itself/);
    assert.match(origin('c'), /branched from d, which descends from it/);
    assert.match(said('lost'), /^lost is gone: deleted, or moved out of the workspace\. 1 branch of it/);
  });

  it('tells of a checkpoint what it is, and who left from there', () => {
    const main = aRun('main', {
      checkpoints: [
        aCheckpoint(100, PATH, { state: 'broken', pinned: true }),
        aCheckpoint(200, PATH, { best: true, evalLoss: 2.25 }),
        aCheckpoint(300, PATH, { state: 'writing' }),
      ],
      final: aCheckpoint(300, PATH, { name: 'final', path: `${PATH}/final` }),
      curriculum: {
        stages: [
          { name: 'teacher', from: 0, until: 150, mixingRatio: 0, mlpMixingRatio: null },
          { name: 'student', from: 150, until: 300, mixingRatio: 1, mlpMixingRatio: null },
        ],
      },
    });
    const { layout, lane } = pictured(branchOf('main', 200, 'x'), branchOf('main', 200, 'y'), main);
    const said = [0, 1, 2, 3, 4].map((place) => checkpointSentence(lane('main'), place, layout));
    assert.deepEqual(said, [
      'main, checkpoint at step 100: teacher stage, broken, pinned.',
      'main, checkpoint at step 200: student stage, best, evaluation 2.25, 2 branches from here.',
      'main, checkpoint at step 300: student stage, being written.',
      'main, checkpoint at step 300: student stage, final.',
      '',
    ]);
  });
});
