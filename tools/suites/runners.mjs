/** How each kind of suite is run, and how its own counts are read. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { failure, sum, tail } from './outcome.mjs';
import { readJunit, readMocha } from './reports.mjs';
import { runProgram } from './run-program.mjs';

/** Ends what hangs. It is no measure: beside two more whole runs on two cores, suites have taken half of it. */
const LIMIT_MS = 60 * 60_000;

/**
 * Checks that only say yes or no; each counts as one test. They run one after the other.
 * @param {{ title: string, command: string[], cwd?: string }[]} checks
 * @param {{ root: string }} context
 * @returns {Promise<import('./outcome.mjs').Outcome>}
 */
export async function runChecks(checks, { root }) {
  const outcomes = [];
  for (const check of checks) {
    const result = await runProgram(check.command, { cwd: path.join(root, check.cwd ?? '.'), limitMs: LIMIT_MS });
    outcomes.push(
      result.ok
        ? { passed: 1, failed: 0, skipped: 0, failures: [] }
        : failure(check.title, `${tail(result.output)}\n(${result.how})`),
    );
  }
  return sum(outcomes);
}

function reportFile(root, name) {
  const folder = path.join(root, 'test-results');
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, name);
  rmSync(file, { force: true });
  return file;
}

/**
 * What a report and the program that wrote it come to: a program that failed without a failed test still failed, and a
 * suite without tests proves nothing.
 */
function judged(suite, counts, result) {
  if (counts.failed === 0 && !result.ok) {
    return sum([
      counts,
      failure(suite, `${tail(result.output)}\n(every test passed, but the run itself failed: ${result.how})`),
    ]);
  }
  if (counts.passed + counts.failed === 0) return failure(suite, 'No test ran.');
  return counts;
}

/**
 * A program whose tests run under mocha and leave mocha's JSON report in the file that $NPT_TEST_REPORT names.
 * @param {string} suite
 * @param {(report: string) => string[]} command
 * @param {{ root: string, env: NodeJS.ProcessEnv }} context
 */
export async function runMochaProgram(suite, command, { root, env }) {
  const report = reportFile(root, `${suite}.json`);
  const result = await runProgram(command(report), {
    cwd: root,
    env: { ...env, NPT_TEST_REPORT: report },
    limitMs: LIMIT_MS,
  });
  if (!existsSync(report)) return failure(suite, `${tail(result.output)}\n(could not run: ${result.how})`);
  return judged(suite, readMocha(report), result);
}

/** mocha on a glob of TypeScript tests (.mocharc.json loads tsx). */
export function runMocha(suite, glob, context) {
  const mocha = path.join(context.root, 'node_modules/mocha/bin/mocha.js');
  const command = (report) => [
    process.execPath,
    mocha,
    '--reporter',
    'json',
    '--reporter-option',
    `output=${report}`,
    glob,
  ];
  return runMochaProgram(suite, command, context);
}

/**
 * pytest on the tests/ folder of a Python project, from within the project (`python -m` then finds its packages).
 * @param {string} suite @param {string} project its folder, relative to the clone
 * @param {{ root: string, env: NodeJS.ProcessEnv, python: string }} context
 * @param {number} [workers] processes that share the tests (pytest-xdist)
 */
export async function runPytest(suite, project, { root, env, python }, workers = 1) {
  const cwd = path.join(root, project);
  if (!existsSync(path.join(cwd, 'tests'))) return failure(suite, `${project}/tests is missing.`);
  const report = reportFile(root, `${suite}.xml`);
  const command = [python, '-m', 'pytest', 'tests', '-q', '-p', 'no:cacheprovider', `--junitxml=${report}`];
  if (workers > 1) command.push('-n', String(workers), '--dist', 'worksteal');
  const result = await runProgram(command, { cwd, env, limitMs: LIMIT_MS });
  if (!existsSync(report)) return failure(suite, `${tail(result.output)}\n(could not run: ${result.how})`);
  return judged(suite, readJunit(report), result);
}
