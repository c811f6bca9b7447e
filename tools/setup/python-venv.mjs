/** The Python that trains: an environment with the trainer's pinned requirements and its test tools, kept in the cache folder. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { contentKey, install, installed } from './cache.mjs';
import { ask, runLogged } from './command.mjs';
import { SetupError } from './failure.mjs';
import { step } from './progress.mjs';

/** Newest first among those that PyTorch has builds for; `python3` last, since it may be any. */
const CANDIDATES = ['python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3', 'python'];
const OLDEST = 'python3.10';
const PROBE =
  'import sys, venv, ensurepip; v = sys.version_info; print("%d.%d" % v[:2], sys.executable) if (3, 10) <= v[:2] <= (3, 14) else sys.exit(1)';

/**
 * A Python from which an environment can be made: 3.10 to 3.14, with venv and ensurepip (which Debian packages apart).
 * @param {readonly string[]} [names] in the order of preference
 * @returns {{ version: string, executable: string } | undefined}
 */
export function findPython(names = CANDIDATES) {
  for (const name of names) {
    const answer = ask(name, ['-c', PROBE]);
    if (answer === null) continue;
    const [version, ...executable] = answer.split(' ');
    return { version, executable: executable.join(' ') };
  }
  return undefined;
}

const pythonIn = (folder) => path.join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

/**
 * The interpreter of the environment with trainer/requirements.lock and datasets, made first where it is missing.
 * @param {string} root the clone
 * @returns {Promise<string>} the environment's python
 * @throws {SetupError}
 */
export async function ensurePythonVenv(root) {
  const base = findPython();
  if (base === undefined)
    throw new SetupError(
      'Python 3.10 to 3.14 with the venv module is missing: install it (Debian: python3 python3-venv), then run this again.',
    );
  // Of what only some runs need, datasets alone is tried as it is: W&B's place is taken by a module that writes calls down.
  const extras = { versions: path.join(root, 'trainer/requirements-full.lock'), names: ['datasets'] };
  return environment(base, path.join(root, 'trainer/requirements.lock'), 'one to three minutes', extras);
}

/**
 * The interpreter of an environment with the oldest Python and packages that the trainer promises to run with.
 * @param {string} root the clone
 * @returns {Promise<string>} the environment's python
 * @throws {SetupError}
 */
export async function ensureOldestPythonVenv(root) {
  const base = findPython([OLDEST]);
  if (base === undefined)
    throw new SetupError(
      `${OLDEST} with the venv module is missing: install it (with pyenv: pyenv install 3.10, then set PYENV_VERSION to that version), then run this again.`,
    );
  return environment(base, path.join(root, 'trainer/tests/requirements-oldest.txt'), 'several minutes, 5 GB on Linux');
}

/**
 * @param {{ version: string, executable: string }} base
 * @param {string} lock the requirements, each with its exact version
 * @param {string} takes for a person who waits
 * @param {{ versions: string, names: readonly string[] }} [extras] packages besides, and the file that pins them
 */
async function environment(base, lock, takes, extras) {
  const files = extras === undefined ? [lock] : [lock, extras.versions];
  const missing = files.find((file) => !existsSync(file));
  if (missing !== undefined)
    throw new SetupError(`${missing} is missing: the clone is incomplete, restore it with git.`);
  const more = extras === undefined ? [] : ['-c', extras.versions, ...extras.names];
  const key = contentKey(
    base.version,
    base.executable,
    ...files.map((file) => readFileSync(file)),
    more.slice(2).join(),
  );
  const ready = installed('python', key);
  if (ready !== undefined) return pythonIn(ready);
  return step(
    'Python environment',
    `installing PyTorch and what the trainer needs for Python ${base.version} (${takes})`,
    async (report) => {
      const folder = await install('python', key, report, async (venv) => {
        report('making the environment');
        await runLogged('python -m venv', [base.executable, '-m', 'venv', venv], { report });
        await runLogged(
          'pip install',
          [pythonIn(venv), '-m', 'pip', 'install', '--progress-bar', 'off', '-r', lock, ...more],
          {
            env: { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1', PIP_REQUIRE_VIRTUALENV: '0' },
            report,
          },
        );
        report('trying PyTorch');
        await runLogged('import torch', [pythonIn(venv), '-c', 'import torch, transformers'], { report });
      });
      return pythonIn(folder);
    },
  );
}
