import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { lockState } from '../../../src/core/experiment/runLock';

describe('asking the supervisor for a run’s lock', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-lock-'));
  after(() => {
    fs.rmSync(folder, { recursive: true });
  });

  /** An interpreter that prints this and ends. */
  function printing(text: string, code = 0): string {
    const file = path.join(folder, `python-${fs.readdirSync(folder).length}`);
    fs.writeFileSync(file, `#!/bin/sh\ncat <<'END'\n${text}\nEND\nexit ${code}\n`, { mode: 0o755 });
    return file;
  }

  const cases: readonly (readonly [string, string, string])[] = [
    ['held', '{"schema": 1, "process": "elsewhere", "lock": "held"}', 'held'],
    ['free', '{"schema": 1, "process": "elsewhere", "lock": "free"}', 'free'],
    ['unknown to the disk', '{"schema": 1, "process": "elsewhere", "lock": "unknown"}', 'unknown'],
    ['behind lines of the interpreter’s own', 'Loading module CUDA 12.4\n{"lock": "free"}', 'free'],
    ['of a later version', '{"lock": "shared"}', 'unknown'],
    ['nothing that can be read', 'Traceback (most recent call last):', 'unknown'],
  ];
  for (const [title, printed, expected] of cases) {
    it(`is ${title}`, async () => {
      assert.equal(await lockState('/run', printing(printed), '/supervisor.py'), expected);
    });
  }

  it('is unknown where no interpreter runs', async () => {
    assert.equal(await lockState('/run', path.join(folder, 'none'), '/supervisor.py'), 'unknown');
    assert.equal(await lockState('/run', printing('', 2), '/supervisor.py'), 'unknown');
  });
});
