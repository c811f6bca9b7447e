/** Check Environment and the making of an environment, on programs that are really started. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { canTrain, checkEnvironment } from '../../../src/core/training/environment/checkEnvironment';
import type { EnvironmentEntry } from '../../../src/core/training/environment/entry';
import {
  EnvironmentError,
  environmentLog,
  makeEnvironment,
} from '../../../src/core/training/environment/makeEnvironment';
import { environmentPython } from '../../../src/core/training/environment/environmentPlace';
import { renderEnvironment } from '../../../src/core/training/environment/renderEnvironment';
import { isOlder, requirementsOf } from '../../../src/core/training/environment/requirements';
import { readLaunch } from '../../../src/core/training/launchers';

const ASKS = path.resolve(__dirname, '../../../supervisor/npt_environment.py');
const TRAINER = path.resolve(__dirname, '../../../trainer');

describe('the environment', function () {
  this.timeout(120_000);
  let root: string;
  const { PATH } = process.env;

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(tmpdir(), 'npt-environment-'));
    fs.mkdirSync(path.join(root, 'scripts'));
    fs.writeFileSync(path.join(root, 'scripts/train_multi_layer_npt.py'), 'from npt.main import main\n');
  });
  afterEach(() => {
    process.env.PATH = PATH;
    fs.rmSync(root, { recursive: true, force: true });
  });

  /** A program of this name before all others. */
  function program(name: string, script: string): string {
    const folder = path.join(root, 'bin');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env.PATH = `${folder}${path.delimiter}${PATH ?? ''}`;
    return path.join(folder, name);
  }

  /** An interpreter that says this of itself. */
  function python(facts: object): string {
    const answer = JSON.stringify({
      ...{ version: '3.11.7', executable: '/p', virtual: true, pip: true, venv: true },
      ...{ wandb: { login: true, offline: false }, torch: null, packages: {} },
      ...facts,
    });
    // It begins with the mark that its caller gave it, as the real one does.
    return program('asked-python', `echo Loading module CUDA; printf '\\n%s%s\\n' "$3" '${answer}'`);
  }

  async function check(python: { path: string } | { failure: string }): Promise<Map<string, EnvironmentEntry>> {
    const entries = await checkEnvironment({
      ...{ root, script: 'scripts/train_multi_layer_npt.py', experiments: path.join(root, 'experiments') },
      ...{ python, launch: readLaunch().launch, asks: ASKS, checkpointBytes: null },
    });
    for (const { text } of entries) assert.doesNotMatch(text, /\n/);
    return new Map(entries.map((each) => [each.title, each]));
  }

  it('tells what a real interpreter has', async () => {
    const found = await check({ path: 'python3' });
    assert.match(found.get('Python')?.text ?? '', /^3\.\d+\.\d+ \(python3\)/);
    assert.equal(found.get('Training script')?.standing, 'good');
    assert.equal(found.get('Disk')?.standing, 'good');
    assert.match(found.get('Disk')?.text ?? '', /free in .*experiments$/);
  });

  it('says what is missing or too old, with what mends it', async () => {
    fs.copyFileSync(path.join(TRAINER, 'pyproject.toml'), path.join(root, 'pyproject.toml'));
    const found = await check({
      path: python({ version: '3.9.2', packages: { torch: '2.3.1+cu121', transformers: null, numpy: '2.1.0' } }),
    });
    assert.match(found.get('Python')?.text ?? '', /needs Python 3\.10 or newer/);
    const packages = found.get('Packages');
    assert.match(
      packages?.text ?? '',
      /torch 2\.3\.1\+cu121 is older than 2\.4, transformers is missing, safetensors is m/,
    );
    assert.deepEqual(packages?.remedies, [{ kind: 'install-requirements' }]);
    assert.equal(canTrain([...found.values()]), false);
  });

  it('says that no Python was found, that one does not answer, and that torch cannot be imported', async () => {
    const none = await check({ failure: 'No Python was found.' });
    assert.deepEqual([none.get('Python')?.standing, none.get('Python')?.text], ['bad', 'No Python was found.']);
    assert.equal(none.has('Packages'), false, 'nothing is claimed of what nobody asked');
    const mute = program('mute-python', 'echo "module: command not found" >&2; exit 1');
    assert.equal(
      (await check({ path: mute })).get('Python')?.text,
      `${mute} cannot be used: module: command not found.`,
    );
    const torn = await check({ path: python({ torch: { error: 'libcudart.so.12: cannot open shared object file' } }) });
    assert.match(torn.get('torch')?.text ?? '', /cannot be imported: libcudart\.so\.12/);
  });

  it('sees GPUs that this torch cannot use', async () => {
    program('nvidia-smi', `case "$*" in *query-gpu*) echo "GPU-1234, 0, NVIDIA H100, 81559, 4, 0";; esac`);
    const torch = { error: null, version: '2.6.0+cpu', cuda: null, hip: null, devices: 0, mps: false, gloo: true };
    const { standing, text, remedies } = (await check({ path: python({ torch }) })).get('GPUs')!;
    assert.equal(standing, 'note');
    assert.match(text, /^0 NVIDIA H100, 8\d\.\d GB\. The torch of this Python cannot use it\.$/);
    assert.ok(remedies.some(({ kind }) => kind === 'make-environment'));
  });

  it('lists the partitions of a cluster, and says when it does not answer', async () => {
    program('sinfo', `echo 'gpu* up 4'; echo 'cpu down 2'`);
    const asked = python({});
    assert.equal(
      (await check({ path: asked })).get('Slurm')?.text,
      'Partitions: gpu* (up, 4 nodes), cpu (down, 2 nodes)',
    );
    program('sinfo', `echo 'sinfo: error: Unable to contact slurm controller' >&2; exit 1`);
    assert.match((await check({ path: asked })).get('Slurm')?.text ?? '', /does not answer: .*Unable to contact/);
  });

  it('offers a W&B login where there is none', async () => {
    const facts = { packages: { wandb: '0.20.1' }, wandb: { login: false, offline: false } };
    const found = (await check({ path: python(facts) })).get('Weights & Biases');
    assert.deepEqual([found?.standing, found?.remedies], ['note', [{ kind: 'wandb-login' }]]);
  });

  it('the report is a table in which a name is a name', () => {
    const text = renderEnvironment('/w', [{ title: 'Python', standing: 'bad', text: '/a|b/<img>', remedies: [] }]);
    assert.ok(text.includes('| ✗ | Python | /a\\|b/&lt;img&gt; |'));
  });

  it('reads what the trainer needs from its pyproject.toml, and compares versions by their numbers', async () => {
    fs.copyFileSync(path.join(TRAINER, 'pyproject.toml'), path.join(root, 'pyproject.toml'));
    const needs = await requirementsOf(root);
    assert.deepEqual(needs.map(({ name }) => name).sort(), ['numpy', 'safetensors', 'torch', 'transformers']);
    assert.ok(needs.every(({ oldest }) => oldest !== null));
    for (const [version, oldest, older] of [
      ['2.10.0+cpu', '2.4', false],
      ['2.3.9', '2.4', true],
      ['2.4', '2.4', false],
      ['2', '2.4', true],
      ['2.4.0rc1', '2.4', false],
      ['10', '9.9', false],
    ] as const) {
      assert.equal(isOlder(version, oldest), older, version);
    }
  });

  describe('made for a workspace', () => {
    const making = (said: string[], signal = new AbortController().signal) => ({
      root,
      signal,
      says: ({ shown }: { shown: string }, line: string | null) => said.push(line === null ? shown : `  ${line}`),
    });

    it('is .venv with what requirements.lock lists; made again it installs into what is there', async () => {
      fs.writeFileSync(path.join(root, 'requirements.lock'), '# nothing\n');
      const said: string[] = [];
      const made = await makeEnvironment('python3', making(said));
      assert.equal(made, environmentPython(root));
      assert.ok(fs.existsSync(environmentPython(root)));
      assert.deepEqual(
        said.filter((line) => !line.startsWith(' ')),
        ['python -m venv .venv', 'pip install -r requirements.lock'],
      );
      fs.writeFileSync(path.join(root, '.venv/mine'), '');
      const again: string[] = [];
      await makeEnvironment('/nowhere/python3', making(again));
      assert.ok(fs.existsSync(path.join(root, '.venv/mine')), 'what was there stays');
      assert.deepEqual(
        again.filter((line) => !line.startsWith(' ')),
        ['pip install -r requirements.lock'],
      );
    });

    it('a step that fails is one line that names it, with everything it printed in a log', async () => {
      fs.writeFileSync(path.join(root, 'requirements.lock'), 'torch==0.0.0.dev0 --nonsense\n');
      await assert.rejects(makeEnvironment('python3', making([])), (error: unknown) => {
        assert.ok(error instanceof EnvironmentError);
        assert.match(error.message, /^pip install -r requirements\.lock failed: /);
        assert.doesNotMatch(error.message, /\n/);
        assert.equal(error.log, environmentLog(root));
        assert.match(fs.readFileSync(error.log, 'utf8'), /-m venv \.venv[^]*-m pip install/);
        return true;
      });
      await assert.rejects(
        makeEnvironment(program('bare', 'echo "ensurepip is not available"; exit 1'), making([])),
        () => true,
      );
    });

    it('one that could not be made leaves nothing; one that is there without an interpreter is not touched', async () => {
      const bare = program('bare', 'mkdir .venv; echo "because ensurepip is not available"; exit 1');
      await assert.rejects(makeEnvironment(bare, making([])), /failed: this Python has no venv module \(on Debian/);
      assert.equal(fs.existsSync(path.join(root, '.venv')), false);
      fs.mkdirSync(path.join(root, '.venv'));
      fs.writeFileSync(path.join(root, '.venv/mine'), '');
      await assert.rejects(makeEnvironment('python3', making([])), /\.venv has no interpreter: remove it/);
      assert.ok(fs.existsSync(path.join(root, '.venv/mine')));
    });

    it('cancelling ends what runs, with its children, and takes the half-made away', async () => {
      const abort = new AbortController();
      const slow = program('slow', `mkdir .venv; sleep 600 & echo $! > '${root}/child'; echo started; wait`);
      const said: string[] = [];
      const made = makeEnvironment(slow, {
        ...making(said, abort.signal),
        says: (_step, line) => {
          if (line === 'started') abort.abort();
        },
      });
      assert.equal(await made, undefined);
      assert.equal(fs.existsSync(path.join(root, '.venv')), false);
      const child = fs.readFileSync(path.join(root, 'child'), 'utf8').trim();
      // A zombie until init has looked is as good as gone.
      const alive = (): boolean => {
        try {
          return !/^\d+ \(.*\) Z/s.test(fs.readFileSync(`/proc/${child}/stat`, 'utf8'));
        } catch {
          return false;
        }
      };
      while (alive()) await new Promise((resolve) => setTimeout(resolve, 20));
    });
  });
});
