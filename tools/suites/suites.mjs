/** Every suite of `npm test`, in the order of their start. */
import path from 'node:path';
import { packageExtension } from '../demo/vsix.mjs';
import { runChecks, runMocha, runMochaProgram, runPytest } from './runners.mjs';

/**
 * @typedef {object} Context
 * @property {string} root the clone
 * @property {string} python interpreter of the trainer's environment (suites that need `python`)
 * @property {string} pythonOldest the one with the oldest versions that are promised (suites that need `pythonOldest`)
 * @property {NodeJS.ProcessEnv} env what test programs are told of the prepared tools
 *
 * @typedef {object} Suite
 * @property {string} name
 * @property {string[]} needs tools (tools.mjs)
 * @property {boolean} [onDemand] true: runs only when it is named
 * @property {'windows' | 'last'} [turn] after all others: beside other windows only, or beside nothing; left out: at once
 * @property {(context: Context) => Promise<import('./outcome.mjs').Outcome>} run
 */

const bin = (root, file) => path.join(root, 'node_modules', file);
const node = (root, file, ...args) => [process.execPath, bin(root, file), ...args];

/**
 * The in-host suite in one release of VS Code.
 * @param {string} name @param {string} tool @param {import('../setup/vscode-host.mjs').VscodeRelease} release
 * @param {{ window?: string, needs?: string[] }} [more] which window it is (test/integration/run.ts), and what that one needs
 * @returns {Suite}
 */
function inHost(name, tool, release, { window = 'one', needs = [] } = {}) {
  return {
    name,
    needs: ['build', 'python', tool, 'chromium', ...needs],
    turn: 'windows',
    run: (context) => {
      const runner = [process.execPath, '--import', 'tsx', path.join(context.root, 'test/integration/run.ts')];
      const env = { ...context.env, NPT_TEST_WINDOW: window, NPT_TEST_VSCODE: release };
      return runMochaProgram(name, () => runner, { ...context, env });
    },
  };
}

/** Each trainer that a test starts computes on one thread, and most of a test is waiting for one. */
const TRAINER_WORKERS = 2;

/** @type {Suite[]} */
export const SUITES = [
  {
    // The longest, so first: the others run beside it.
    name: 'trainer',
    needs: ['python'],
    run: (context) => runPytest('trainer', 'trainer', context, TRAINER_WORKERS),
  },
  {
    // With the oldest Python, torch and transformers that are promised: gigabytes to install, so only when asked for.
    name: 'trainer-oldest',
    needs: ['pythonOldest'],
    onDemand: true,
    run: (context) =>
      runPytest('trainer-oldest', 'trainer', { ...context, python: context.pythonOldest }, TRAINER_WORKERS),
  },
  {
    name: 'types',
    needs: [],
    run: (context) =>
      runChecks(
        [
          {
            title: 'tsc (extension and tests)',
            command: node(context.root, 'typescript/bin/tsc', '--noEmit', '-p', '.'),
          },
          {
            title: 'tsc (dashboard page)',
            command: node(context.root, 'typescript/bin/tsc', '--noEmit', '-p', 'webview'),
          },
          {
            title: 'tsc (tests of the page)',
            command: node(context.root, 'typescript/bin/tsc', '--noEmit', '-p', 'test/page'),
          },
        ],
        context,
      ),
  },
  {
    name: 'lint',
    needs: [],
    run: (context) =>
      runChecks(
        [
          { title: 'eslint', command: node(context.root, 'eslint/bin/eslint.js', '.', '--max-warnings', '0') },
          {
            title: 'prettier',
            command: node(context.root, 'prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
          },
        ],
        context,
      ),
  },
  {
    name: 'python-lint',
    needs: ['python'],
    run: (context) =>
      runChecks(
        [
          ...['trainer', 'supervisor'].flatMap((cwd) => [
            { title: `ruff (${cwd})`, command: [context.python, '-m', 'ruff', 'check', '--no-cache', '.'], cwd },
            { title: `mypy (${cwd})`, command: [context.python, '-m', 'mypy'], cwd },
          ]),
          {
            title: 'ruff (test/torch, tools/bench)',
            command: [
              ...[context.python, '-m', 'ruff', 'check', '--no-cache', '--config', 'trainer/pyproject.toml'],
              ...['test/torch', 'tools/bench'],
            ],
          },
        ],
        context,
      ),
  },
  { name: 'unit', needs: [], run: (context) => runMocha('unit', 'test/unit/**/*.test.ts', context) },
  {
    // What needs a real torch beside our own reading of its files.
    name: 'torch',
    needs: ['python'],
    run: (context) => runMocha('torch', 'test/torch/**/*.test.ts', context),
  },
  {
    name: 'page',
    needs: ['build', 'chromium'],
    run: (context) => runMocha('page', 'test/page/**/*.test.ts', context),
  },
  {
    // A real Slurm of its own, and jobs that train; by itself, since its jobs take every core.
    name: 'slurm',
    needs: ['python', 'slurm'],
    run: (context) => runMocha('slurm', 'test/slurm/**/*.test.ts', context),
  },
  { name: 'supervisor', needs: ['python'], run: (context) => runPytest('supervisor', 'supervisor', context) },
  inHost('integration', 'vscode', 'newest'),
  inHost('integration-oldest', 'vscodeOldest', 'oldest'),
  inHost('integration-roots', 'vscode', 'newest', { window: 'roots' }),
  inHost('integration-slurm', 'vscode', 'newest', { window: 'slurm', needs: ['slurm'] }),
  {
    name: 'ui',
    needs: ['python', 'vscode', 'chromium'],
    // It looks at pictures of what moves.
    turn: 'last',
    run: async (context) => {
      const vsix = await packageExtension(context.root);
      return runMocha('ui', 'test/ui/**/*.test.ts', { ...context, env: { ...context.env, NPT_TEST_VSIX: vsix } });
    },
  },
];
