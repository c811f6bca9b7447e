import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { demoWorkspace } from '../../../tools/demo/workspace.mjs';

describe("the demo's workspace", () => {
  let folder: string;
  let clone: string;
  const before = process.env.NPT_CHECKPOINTS_CACHE;

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'npt-demo-'));
    process.env.NPT_CHECKPOINTS_CACHE = path.join(folder, 'cache');
    clone = path.join(folder, 'clone');
    for (const [file, text] of Object.entries({
      'scripts/train_multi_layer_npt.py': 'train',
      'npt/loop.py': 'loop',
      'npt/__pycache__/loop.pyc': 'compiled',
      'tests/test_loop.py': 'test',
      'README.md': 'read me',
    })) {
      const target = path.join(clone, 'trainer', file);
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    if (before === undefined) delete process.env.NPT_CHECKPOINTS_CACHE;
    else process.env.NPT_CHECKPOINTS_CACHE = before;
  });

  it('holds the trainer as a user has it', () => {
    const made = demoWorkspace(clone, path.join(folder, 'new'));
    assert.equal(made.isNew, true);
    assert.deepEqual(readdirSync(made.folder).sort(), ['.npt-demo.json', 'README.md', 'experiments', 'npt', 'scripts']);
    assert.deepEqual(readdirSync(path.join(made.folder, 'npt')), ['loop.py']);
  });

  it('is used again as it is', () => {
    const made = demoWorkspace(clone);
    const mine = path.join(made.folder, 'npt/loop.py');
    writeFileSync(mine, 'changed by the user');
    assert.deepEqual(demoWorkspace(clone), { folder: made.folder, isNew: false });
    assert.equal(readFileSync(mine, 'utf8'), 'changed by the user');
  });

  it('is a new one with the next number when the trainer has changed since', () => {
    const old = demoWorkspace(clone);
    writeFileSync(path.join(clone, 'trainer/npt/loop.py'), 'newer loop');
    const made = demoWorkspace(clone);
    assert.equal(path.basename(made.folder), 'workspace-2');
    assert.equal(readFileSync(path.join(old.folder, 'npt/loop.py'), 'utf8'), 'loop');
  });

  it('is never made in a folder that holds something else', () => {
    const theirs = path.join(folder, 'theirs');
    mkdirSync(theirs);
    writeFileSync(path.join(theirs, 'thesis.tex'), 'words');
    assert.throws(() => demoWorkspace(clone, theirs), /not empty/);
    assert.deepEqual(readdirSync(theirs), ['thesis.tex']);
    assert.equal(existsSync(path.join(theirs, 'scripts')), false);
  });
});
