/**
 * `npm run faults`: the campaigns that kill, stop and corrupt again and again what `npm test` tries a few times. Each prints its
 * figures; those worth keeping go to docs/reliability.md with their date and machine kind.
 * `npm run faults -- --part kills,stops` runs some of them. NPT_SEED=<n> draws as an earlier campaign did.
 */
import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SHARED_CPU } from './demo/training.mjs';
import { requireNode, runCommand, SetupError } from './setup/failure.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { duration } from './setup/progress.mjs';
import { ensurePythonVenv } from './setup/python-venv.mjs';

requireNode();

const root = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const mocha = (file) => [process.execPath, 'node_modules/mocha/bin/mocha.js', file];
const pytest = (python, file) => [python, '-m', 'pytest', file, '-q', '-p', 'no:cacheprovider'];

/** @type {{ name: string, what: string, cwd?: string, env: NodeJS.ProcessEnv, command: (python: string) => string[] }[]} */
const PARTS = [
  {
    name: 'kills',
    what: '200 random kills of trainer, supervisor, terminal and who asked; each run is resumed in one click',
    env: { NPT_KILL_ROUNDS: '200' },
    command: () => mocha('test/torch/kills.test.ts'),
  },
  {
    name: 'stops',
    what: '200 stops from two windows and a terminal at once',
    env: { NPT_STRESS: '200' },
    command: () => mocha('test/torch/stop.test.ts'),
  },
  {
    name: 'saves',
    what: '1,000 kills inside saves',
    cwd: 'trainer',
    env: { NPT_KILLS: '1000' },
    command: (python) => pytest(python, 'tests/test_killed_in_saves.py'),
  },
  {
    name: 'resumes',
    what: '100 runs that are stopped and killed, against runs that were not',
    cwd: 'trainer',
    env: { NPT_STRESS: '100' },
    command: (python) => pytest(python, 'tests/test_resume_stress.py'),
  },
  {
    name: 'soak',
    what: 'half an hour of 20 writers that make, save, rename, delete and damage what the model shows',
    env: { NPT_SOAK_SECONDS: '1800' },
    command: () => mocha('test/unit/experiment/soak.test.ts'),
  },
  {
    name: 'flips',
    what: '1,000 flipped bits of a checkpoint',
    env: {},
    command: (python) => [process.execPath, '--import', 'tsx', 'tools/bench/flips.ts', python, '1000'],
  },
  {
    name: 'mutants',
    what: '225,000 mutants of torch files, 500,000 random pickles',
    env: { NPT_FUZZ: '25000' },
    command: () => mocha('test/unit/torchfile/fuzz.test.ts'),
  },
];

/** @param {string[]} args */
function wanted(args) {
  const all = PARTS.map(({ name }) => name);
  if (args.length === 0) return PARTS;
  const names = args[0] === '--part' && args.length === 2 ? args[1].split(',') : [''];
  if (!names.every((name) => all.includes(name)))
    throw new SetupError(`Usage: npm run faults -- [--part PART,…] with parts out of ${all.join(', ')}.`);
  return PARTS.filter(({ name }) => names.includes(name));
}

/** @returns {Promise<boolean>} whether it went well */
function run({ cwd = '.', env, command }, python) {
  const [program, ...words] = command(python);
  const child = spawn(program, words, {
    cwd: path.join(root, cwd),
    env: { ...process.env, ...SHARED_CPU, NPT_TEST_PYTHON: python, ...env },
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new SetupError(`${program} does not run: ${error.message}`)));
    child.once('exit', (code) => resolve(code === 0));
  });
}

await runCommand(async () => {
  const parts = wanted(process.argv.slice(2));
  await ensureNodeModules(root);
  const python = await ensurePythonVenv(root);
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} cores, ${os.cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`,
  );
  const failed = [];
  for (const part of parts) {
    console.log(`\n▸ ${part.name}: ${part.what}`);
    const started = performance.now();
    const ok = await run(part, python);
    console.log(`${ok ? '✓' : '✗'} ${part.name}, ${duration(performance.now() - started)}`);
    if (!ok) failed.push(part.name);
  }
  if (failed.length > 0) console.log(`\nfailed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
});
