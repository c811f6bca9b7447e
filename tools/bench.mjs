/**
 * `npm run bench`: our commands beside what a user would type instead, each in fresh processes, in turn, as ratios.
 * Figures worth keeping go to docs/benchmarks.md with their date and machine kind. Nothing here is asserted.
 * `npm run bench -- --runs 9` for more pairs, `--part extension`, `--part table` or `--part trainer` for one of them.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium } from './setup/chromium.mjs';
import { requireNode, runCommand, SetupError } from './setup/failure.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { ensurePythonVenv } from './setup/python-venv.mjs';

requireNode();

const root = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const here = path.join(root, 'tools/bench');

function run(command, options = {}) {
  const done = spawnSync(command[0], command.slice(1), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
  if (done.error !== undefined) throw new SetupError(`${command[0]} does not run: ${done.error.message}`);
  return done;
}

/** One measured run of a command: wall seconds and peak resident bytes of the process. */
function measure(python, scratch, command) {
  const result = path.join(scratch, 'result.json');
  // Some machines name certificates for Node, which parses them at every start (30 ms): theirs to pay, not ours to show.
  const env = { ...process.env };
  delete env.NODE_EXTRA_CA_CERTS;
  run([python, path.join(here, 'measure.py'), result, ...command], { env });
  const { code, seconds, peak_bytes: peakBytes } = JSON.parse(readFileSync(result, 'utf8'));
  // 1 is an answer ("not valid"), not a failure.
  if (code !== 0 && code !== 1) throw new SetupError(`${command.join(' ')} ended with exit code ${code}.`);
  return { seconds, peakBytes };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Runs both in turn, so that a machine whose speed drifts slows both. */
function pair(python, scratch, runs, ours, theirs) {
  const results = { ours: [], theirs: [] };
  for (let index = -1; index < runs; index++) {
    const a = measure(python, scratch, ours.command);
    const b = measure(python, scratch, theirs.command);
    if (index < 0) continue; // the first pair warms the page cache
    results.ours.push(a);
    results.theirs.push(b);
  }
  const seconds = (rows) => median(rows.map((row) => row.seconds));
  const peak = (rows) => median(rows.map((row) => row.peakBytes)) / 1e6;
  const ratio = median(results.theirs.map((row, index) => row.seconds / results.ours[index].seconds));
  console.log(
    [
      `| ${ours.name} | ${seconds(results.ours).toFixed(3)} s, ${peak(results.ours).toFixed(0)} MB`,
      `${theirs.name}`,
      `${seconds(results.theirs).toFixed(3)} s, ${peak(results.theirs).toFixed(0)} MB`,
      `${ratio.toFixed(2)} × |`,
    ].join(' | '),
  );
}

const PARTS = ['extension', 'table', 'trainer'];

/** What to measure, and how many pairs or rounds. */
function wanted(args) {
  const usage = new SetupError('Usage: npm run bench -- [--runs N] [--part extension|table|trainer]');
  const found = { runs: undefined, parts: PARTS };
  for (let at = 0; at < args.length; at += 2) {
    const value = args[at + 1];
    if (args[at] === '--runs' && Number.isInteger(Number(value)) && Number(value) >= 1) found.runs = Number(value);
    else if (args[at] === '--part' && PARTS.includes(value)) found.parts = [value];
    else throw usage;
  }
  return found;
}

/** Runs a script of the trainer's benchmark, its output passed on. */
function runTrainerBench(python, script, ...args) {
  const done = run([python, path.join(here, 'trainer', script), ...args.map(String)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.status !== 0) throw new SetupError(`The trainer's benchmark ${script} failed: see the lines above.`);
}

await runCommand(async () => {
  const { runs: asked, parts } = wanted(process.argv.slice(2));
  await ensureNodeModules(root);
  const python = parts.some((part) => part !== 'table') ? await ensurePythonVenv(root) : '';
  if (parts.includes('trainer')) {
    runTrainerBench(python, 'steps.py', asked ?? 10);
    runTrainerBench(python, 'saving.py');
    runTrainerBench(python, 'tokens.py');
    runTrainerBench(python, 'streaming.py');
  }
  if (parts.includes('table')) {
    run([process.execPath, 'esbuild.mjs', '--production'], { cwd: root });
    const env = { ...process.env, CHROMIUM: await ensureChromium(root) };
    console.log('\nThe table of runs in Chromium, 5,000 runs × 40 columns:\n');
    const done = run(['npx', 'tsx', path.join(root, 'test/page/runsMeasure.ts')], { cwd: root, env });
    if (done.status !== 0) throw new SetupError('The measurement of the table failed: see the lines above.');
    process.stdout.write(done.stdout);
  }
  if (!parts.includes('extension')) return;
  const runs = asked ?? 5;
  run([process.execPath, 'esbuild.mjs', '--production'], { cwd: root });
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'npt-bench-'));
  const cli = [process.execPath, path.join(root, 'dist/cli.js')];
  try {
    console.log('making the data (about 1.5 GB in the temporary folder)');
    for (const kind of ['runs', 'state', 'checkpoint', 'weights', 'metrics']) {
      if (run([python, path.join(here, 'make_data.py'), kind, path.join(scratch, kind)]).status !== 0) {
        throw new SetupError(`The data for '${kind}' could not be made: see the lines above.`);
      }
    }
    const state = path.join(scratch, 'state/training_state.pt');
    const load = `import torch; torch.load(${JSON.stringify(state)}, map_location="cpu", weights_only=True)`;
    console.log(
      `\n${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} cores, ${os.cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}; medians of ${runs} pairs, fresh processes, warm page cache\n`,
    );
    console.log('| ours | time, peak memory | beside | time, peak memory | theirs / ours |\n|---|---|---|---|---|');
    const compare = (ours, theirs) => pair(python, scratch, runs, ours, theirs);
    for (const level of ['structure', 'numbers']) {
      compare(
        { name: `validate --level ${level}, 600 MB`, command: [...cli, 'validate', state, '--level', level, '--json'] },
        { name: 'torch.load', command: [python, '-c', load] },
      );
    }
    const finite = `import torch
def tensors(value):
    if isinstance(value, torch.Tensor): yield value
    elif isinstance(value, dict):
        for item in value.values(): yield from tensors(item)
state = torch.load(${JSON.stringify(state)}, map_location="cpu", weights_only=True)
print(all(torch.isfinite(tensor).all() for tensor in tensors(state)))`;
    compare(
      { name: 'validate --level numbers, 600 MB', command: [...cli, 'validate', state, '--json'] },
      { name: 'torch.load, then isfinite of every tensor', command: [python, '-c', finite] },
    );
    compare(
      { name: 'validate --level numbers, 600 MB', command: [...cli, 'validate', state, '--json'] },
      { name: 'cat', command: ['cat', state] },
    );
    compare(
      { name: 'list, 200 runs × 50 checkpoints', command: [...cli, 'list', path.join(scratch, 'runs'), '--json'] },
      { name: 'ls -lR', command: ['ls', '-lR', path.join(scratch, 'runs')] },
    );
    const metrics = path.join(scratch, 'metrics/metrics.jsonl');
    const loop = `import json; rows=[json.loads(line) for line in open(${JSON.stringify(metrics)})]`;
    compare(
      {
        name: 'metrics, 200,000 rows of 12',
        command: [...cli, 'metrics', path.join(scratch, 'metrics'), '--metric', 'loss/total', '--json'],
      },
      { name: 'json.loads a line', command: [python, '-c', loop] },
    );
    console.log('\nIn a process that is warm, as the extension’s worker is:\n');
    const warm = path.join(here, 'warm.ts');
    const done = run(['npx', 'tsx', warm, path.join(scratch, 'checkpoint/checkpoint-1000'), scratch], { cwd: root });
    if (done.status !== 0) throw new SetupError('The measurement in a warm process failed: see the lines above.');
    console.log(done.stdout);
    const probe = run(
      ['npx', 'tsx', path.join(here, 'probe_memory.ts'), path.join(scratch, 'weights/npt_weights.pt')],
      {
        cwd: root,
      },
    );
    if (probe.status !== 0) throw new SetupError('The measurement of the probe failed: see the lines above.');
    console.log(probe.stdout);
    console.log('\nThe extension host’s thread:\n');
    for (const [script, ...args] of [
      ['tree.ts'],
      ['rescan.ts', scratch],
      ['metrics.ts'],
      ['watching.ts', scratch],
      ['lab.ts', scratch, '65'],
      ['labWindow.ts', scratch, '300'],
    ]) {
      const host = run([process.execPath, '--expose-gc', '-r', 'tsx/cjs', path.join(here, script), ...args], {
        cwd: root,
      });
      if (host.status !== 0) throw new SetupError(`The measurement ${script} failed: see the lines above.`);
      process.stdout.write(host.stdout);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
