import assert from 'node:assert/strict';
import {
  experimentsFolders,
  folderHolding,
  nearest,
  rootHolding,
  type OpenFolder,
} from '../../../src/core/experiment/openFolders';

const open = (root: string, experiments: string, named = false): OpenFolder => ({ root, experiments, named });
const same = (folder: string): string => folder;
const none = (): boolean => false;

describe('whose an experiments folder is', () => {
  it('is watched once when two opened folders name it', () => {
    const found = experimentsFolders([open('/a', '/data/runs', true), open('/b', '/data/runs', true)], same, none);
    assert.deepEqual(
      found.map(({ root, experiments }) => [root, experiments]),
      [['/a', '/data/runs']],
    );
  });

  it('is watched once when two names lead to it', () => {
    const real = new Map([['/b/experiments', '/a/experiments']]);
    const found = experimentsFolders(
      [open('/a', '/a/experiments'), open('/b', '/b/experiments')],
      (folder) => real.get(folder) ?? folder,
      none,
    );
    assert.deepEqual(
      found.map(({ root }) => root),
      ['/a'],
    );
  });

  it('belongs to the folder it lies in rather than to the first that names it', () => {
    const found = experimentsFolders([open('/a', '/b/runs', true), open('/b', '/b/runs', true)], same, none);
    assert.equal(found[0]?.root, '/b');
  });

  it('belongs to a folder that can train rather than to one that only looks', () => {
    const folders = [open('/notes', '/data/runs', true), open('/train', '/data/runs', true)];
    assert.equal(experimentsFolders(folders, same, (root) => root === '/train')[0]?.root, '/train');
  });

  it('belongs to each of two roots that lie in each other, by its own place', () => {
    const found = experimentsFolders([open('/p', '/p/experiments'), open('/p/sub', '/p/sub/experiments')], same, none);
    assert.equal(folderHolding(found, '/p/sub/experiments/run')?.root, '/p/sub');
    assert.equal(folderHolding(found, '/p/experiments/run')?.root, '/p');
    assert.equal(folderHolding(found, '/p/other'), undefined);
  });

  it('is the inner one when experiments folders lie in each other', () => {
    const found = experimentsFolders([open('/p', '/p/runs', true), open('/q', '/p/runs/q', true)], same, none);
    assert.equal(folderHolding(found, '/p/runs/q/a')?.root, '/q');
  });
});

describe('the innermost folder that holds a path', () => {
  it('is told from folders whose names only begin alike', () => {
    assert.equal(rootHolding(['/p', '/p/sub', '/p/subway'], '/p/subway/x'), '/p/subway');
    assert.equal(rootHolding(['/p/sub'], '/p/subway/x'), undefined);
    assert.equal(rootHolding(['/'], '/p'), '/');
    assert.equal(rootHolding(['/p'], '/p/..notes/x'), '/p');
  });

  it('is found from any depth below a known one', () => {
    const known = new Map([
      ['/e/seq', 'outer'],
      ['/e/seq/layer_1', 'inner'],
    ]);
    assert.equal(nearest(known, '/e/seq/layer_1/checkpoints/checkpoint-5'), 'inner');
    assert.equal(nearest(known, '/e/seq/checkpoints'), 'outer');
    assert.equal(nearest(known, '/e/sequel'), undefined);
  });
});
