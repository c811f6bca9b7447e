import assert from 'node:assert/strict';
import { Lineage } from '../../../src/core/experiment/lineage';
import { RunFilter } from '../../../src/core/table/runFilter';
import { aRun } from '../model/builders';

describe('a filter over runs', () => {
  it('is evaluated once for who asks twice in one breath, and anew for other runs or another filter', () => {
    const runs = [aRun('a', { state: 'training' }), aRun('b', { state: 'failed' })];
    const lineage = new Lineage([{ runs }]);
    const filter = new RunFilter();
    const found = filter.filter('state:failed', runs, lineage, 1000);
    assert.deepEqual(
      found.runs.map(({ name }) => name),
      ['b'],
    );
    assert.equal(filter.filter('state:failed', runs, lineage, 1000.4), found);
    // How long a run has trained changes by itself.
    assert.notEqual(filter.filter('state:failed', runs, lineage, 1001), found);
    assert.equal(filter.filter('state:training', runs, lineage, 1001).runs.length, 1);
    const fewer = runs.slice(0, 1);
    assert.equal(filter.filter('state:training', fewer, new Lineage([{ runs: fewer }]), 1001).runs.length, 1);
    assert.equal(filter.filter('state:failed', fewer, new Lineage([{ runs: fewer }]), 1001).runs.length, 0);
  });
});
