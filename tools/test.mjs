/**
 * `npm test`: installs what the suites need, runs them all, and sums them up in the last line.
 * `npm test -- --only unit,page` runs some of them; CONTRIBUTING.md names them.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SHARED_CPU } from './demo/training.mjs';
import { isStopping } from './setup/ending.mjs';
import { requireNode, runCommand, SetupError } from './setup/failure.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { duration } from './setup/progress.mjs';
import { failure, sum } from './suites/outcome.mjs';
import { SUITES } from './suites/suites.mjs';
import { prepareTools } from './suites/tools.mjs';

requireNode();

const root = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
/** Two at a time: with more, the suites that wait for a window or a process miss their limits on a small machine. */
const BESIDE = 2;
const HEARTBEAT_MS = 15_000;

/** @param {string[]} args */
function chosenSuites(args) {
  if (args.length === 0) return SUITES.filter((suite) => suite.onDemand !== true);
  const list =
    args[0] === '--only' ? args[1] : args[0].startsWith('--only=') ? args[0].slice('--only='.length) : undefined;
  const all = SUITES.map((suite) => suite.name).join(', ');
  if (list === undefined || list === '' || args.length > (args[0] === '--only' ? 2 : 1)) {
    throw new SetupError(`Usage: npm test -- [--only SUITE,…] with suites out of ${all}.`);
  }
  const names = list.split(',');
  const unknown = names.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) throw new SetupError(`There is no suite '${unknown}': there are ${all}.`);
  return SUITES.filter((suite) => names.includes(suite.name));
}

function counts(outcome) {
  return [
    `${outcome.passed} passed`,
    ...(outcome.failed > 0 ? [`${outcome.failed} failed`] : []),
    ...(outcome.skipped > 0 ? [`${outcome.skipped} skipped`] : []),
  ].join(', ');
}

function printOutcome(suite, outcome, ms) {
  console.log(
    `${outcome.failed === 0 ? '✓' : '✗'} ${suite.name.padEnd(12)} ${counts(outcome).padEnd(28)} ${duration(ms)}`,
  );
  outcome.failures.forEach(({ title, detail }, index) => {
    console.log(`    ${index + 1}) ${title}`);
    for (const line of detail.split('\n')) console.log(`       ${line}`);
  });
}

/** Runs one suite; whatever keeps it from running is a failure of it, and the others go on. */
async function runSuite(suite, prepared) {
  const lacking = suite.needs.map((need) => prepared.get(need)).find((tool) => tool.error !== undefined);
  if (lacking !== undefined) return failure(suite.name, `Could not run: ${lacking.error}`);
  const value = (tool) => prepared.get(tool)?.value;
  const env = {
    ...SHARED_CPU,
    ...(value('chromium') === undefined ? {} : { CHROMIUM: value('chromium') }),
    ...(value('python') === undefined ? {} : { NPT_TEST_PYTHON: value('python') }),
  };
  try {
    return await suite.run({ root, python: value('python'), pythonOldest: value('pythonOldest'), env });
  } catch (error) {
    return failure(suite.name, `Could not run: ${error instanceof SetupError ? error.message : error.stack}`);
  }
}

/** Runs suites, two at a time: those that drive a window after the others, and those that want to be alone at the end. */
async function runAll(suites, prepared) {
  const outcomes = [];
  const running = new Map();
  const timer = setInterval(() => {
    const names = [...running].map(([name, since]) => `${name} (${duration(performance.now() - since)})`);
    if (names.length > 0) console.log(`  running: ${names.join(', ')}`);
  }, HEARTBEAT_MS);
  const drain = async (queue) => {
    for (let suite = queue.shift(); suite !== undefined && !isStopping(); suite = queue.shift()) {
      const started = performance.now();
      running.set(suite.name, started);
      console.log(`▸ ${suite.name}`);
      const outcome = await runSuite(suite, prepared);
      running.delete(suite.name);
      printOutcome(suite, outcome, performance.now() - started);
      outcomes.push(outcome);
    }
  };
  try {
    for (const turn of [undefined, 'windows']) {
      const together = suites.filter((suite) => suite.turn === turn);
      await Promise.all(Array.from({ length: BESIDE }, () => drain(together)));
    }
    await drain(suites.filter((suite) => suite.turn === 'last'));
  } finally {
    clearInterval(timer);
  }
  return sum(outcomes);
}

await runCommand(async () => {
  const started = performance.now();
  const suites = chosenSuites(process.argv.slice(2));
  await ensureNodeModules(root);
  const prepared = await prepareTools(root, new Set(suites.flatMap((suite) => suite.needs)));
  const total = await runAll(suites, prepared);
  console.log(
    `\n${suites.length} suites in ${duration(performance.now() - started)}${total.skipped > 0 ? `, ${total.skipped} tests skipped` : ''}`,
  );
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
});
