import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CreateWorkspaceError, createTrainingWorkspace } from '../../../src/core/training/createWorkspace';

describe('creating a training workspace', () => {
  let root: string;
  let trainer: string;
  let target: string;

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(tmpdir(), 'npt-create-'));
    trainer = path.join(root, 'trainer');
    target = path.join(root, 'a folder');
    fs.mkdirSync(path.join(trainer, 'scripts'), { recursive: true });
    fs.writeFileSync(path.join(trainer, 'scripts/train.py'), 'pass\n');
    fs.writeFileSync(path.join(trainer, 'resume_training.sh'), '#!/bin/sh\n', { mode: 0o755 });
    fs.mkdirSync(target);
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  it('copies every file with its mode, beside what is there', async () => {
    fs.writeFileSync(path.join(target, 'notes.md'), 'mine');
    await createTrainingWorkspace(trainer, target);
    assert.deepEqual(fs.readdirSync(target).sort(), ['experiments', 'notes.md', 'resume_training.sh', 'scripts']);
    assert.equal(fs.readFileSync(path.join(target, 'scripts/train.py'), 'utf8'), 'pass\n');
    assert.equal(fs.statSync(path.join(target, 'resume_training.sh')).mode & 0o111, 0o111);
  });

  it('keeps an experiments folder that is there', async () => {
    fs.mkdirSync(path.join(target, 'experiments/run'), { recursive: true });
    await createTrainingWorkspace(trainer, target);
    assert.deepEqual(fs.readdirSync(path.join(target, 'experiments')), ['run']);
  });

  it('copies nothing where one of its names is taken', async () => {
    fs.mkdirSync(path.join(target, 'scripts'));
    await assert.rejects(createTrainingWorkspace(trainer, target), (error) => {
      assert.ok(error instanceof CreateWorkspaceError);
      assert.equal(error.message, `${target} already has scripts: choose an empty folder. Nothing was copied.`);
      return true;
    });
    assert.deepEqual(fs.readdirSync(target), ['scripts']);
  });

  it('leaves nothing behind where a copy fails half-way', async () => {
    fs.writeFileSync(path.join(trainer, 'unreadable'), 'x');
    const copyFile = fs.promises.copyFile;
    const failing: typeof copyFile = (from, to, mode) =>
      String(from).endsWith('unreadable')
        ? Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }))
        : copyFile(from, to, mode);
    fs.promises.copyFile = failing;
    try {
      await assert.rejects(createTrainingWorkspace(trainer, target), {
        message: `${target}: the disk is full. Nothing was copied: choose another folder.`,
      });
    } finally {
      fs.promises.copyFile = copyFile;
    }
    assert.deepEqual(fs.readdirSync(target), []);
  });

  it('says in one line that the folder cannot be written', async () => {
    await assert.rejects(createTrainingWorkspace(trainer, path.join(root, 'nowhere')), CreateWorkspaceError);
  });
});
