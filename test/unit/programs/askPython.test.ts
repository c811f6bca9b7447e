import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { askPython, missingModules, NoAnswer } from '../../../src/core/askPython';

/** The interpreter that every machine of ours has. */
const PYTHON = process.env.NPT_TEST_PYTHON ?? 'python3';

describe('what an interpreter is asked', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'npt-ask-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** An interpreter as clusters have them: a script that does something of its own around the real one. */
  function wrapper(before: string, call = `exec ${PYTHON} "$@"`): string {
    const file = path.join(folder, 'python');
    writeFileSync(file, `#!/bin/sh\n${before}\n${call}\n`);
    chmodSync(file, 0o755);
    return file;
  }
  const where = (): { folder: string; limitMs: number } => ({ folder, limitMs: 20_000 });
  const MODULES = ['json', 'no_such_module_a', 'no_such_module_b'];
  const MISSING = MODULES.slice(1);

  const noises: [what: string, before: string, call?: string][] = [
    ['nothing else', ''],
    ['a module system', 'echo Loading module CUDA 12.4'],
    ['half a line', 'printf "Loading torch"'],
    ['errors', 'echo "warning: json missing" >&2'],
    ['something that looks like an answer', `echo '["json"]'; echo 'npt-answer-0 ["json"]'`],
    ['bytes that are no text', `printf '\\377\\376\\000'`],
    ['a farewell', '', `${PYTHON} "$@"; echo Goodbye`],
    ['a farewell and a code', '', `${PYTHON} "$@"; exit 3`],
    ['megabytes before it', 'head -c 3000000 /dev/zero | tr "\\\\0" x'],
    ['what it left running', 'sleep 60 &'],
  ];
  for (const [what, before, call] of noises) {
    it(`is told apart from ${what}`, async () => {
      const began = performance.now();
      assert.deepEqual(await missingModules(wrapper(before, call), MODULES, where()), MISSING);
      assert.ok(performance.now() - began < 20_000);
    });
  }

  it('is told apart from what sitecustomize prints', async () => {
    writeFileSync(
      path.join(folder, 'sitecustomize.py'),
      'import atexit\nprint("hello")\natexit.register(print, "bye")\n',
    );
    const answer = await missingModules(wrapper(`PYTHONPATH='${folder}'; export PYTHONPATH`), MODULES, where());
    assert.deepEqual(answer, MISSING);
  });

  it('a folder where it runs is no module', async () => {
    writeFileSync(path.join(folder, 'no_such_module_a.py'), '');
    assert.deepEqual(await missingModules(PYTHON, MODULES, where()), MISSING);
  });

  const failures: [what: string, script: string, said: RegExp][] = [
    ['hangs', 'sleep 60', /^it did not answer within 1 s$/],
    ['hangs with a child that holds its output', 'sleep 60 & wait', /^it did not answer within 1 s$/],
    ['fails', 'echo "module: command not found" >&2; exit 1', /^module: command not found$/],
    ['says nothing', 'exit 0', /^it ended without an answer$/],
    ['is another program', 'echo "[]"', /^it ended without an answer$/],
  ];
  for (const [what, script, said] of failures) {
    it(`an interpreter that ${what} is said in a line`, async () => {
      const file = path.join(folder, 'python');
      writeFileSync(file, `#!/bin/sh\n${script}\n`);
      chmodSync(file, 0o755);
      await assert.rejects(missingModules(file, MODULES, { folder, limitMs: 1000 }), (error: Error) => {
        assert.ok(error instanceof NoAnswer);
        assert.match(error.message, said);
        return true;
      });
    });
  }

  it('an interpreter that is none is said in a line', async () => {
    await assert.rejects(
      missingModules(path.join(folder, 'none'), MODULES, where()),
      /^Error: it cannot be started \(ENOENT\)$/,
    );
  });

  it('leaves nothing of a wrapper running that took too long', async () => {
    const file = path.join(folder, 'python');
    const pid = path.join(folder, 'pid');
    writeFileSync(file, `#!/bin/sh\nsleep 60 &\necho $! > '${pid}'\nwait\n`);
    chmodSync(file, 0o755);
    await assert.rejects(missingModules(file, MODULES, { folder, limitMs: 1000 }), NoAnswer);
    const child = Number(await readFile(pid, 'utf8'));
    for (;;) {
      // A zombie until init has looked is as good as gone.
      if (!existsSync(`/proc/${child}`)) break;
      if (/^State:\s+Z/m.test(await readFile(`/proc/${child}/status`, 'utf8').catch(() => 'State:\tZ'))) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('words reach it as they are', async () => {
    const words = ['a b', '"', '${HOME}', '\n', '-x', 'é'];
    assert.deepEqual(await askPython(PYTHON, { ...where(), expression: 'words', words }), words);
  });
});
