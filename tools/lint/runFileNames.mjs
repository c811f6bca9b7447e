/** The names of a run's files are written once: what else in src/ needs one takes it from where it is. */

const NAMES = '/^((run|process|exit|pins|best)[.]json|train[.]log|(metrics|training_log)[.]jsonl)$/';

/** @type {import('eslint').Linter.Config[]} */
export const runFileNameRules = [
  {
    files: ['src/**/*.ts'],
    ignores: ['src/core/experiment/runLayout.ts', 'src/core/metrics/sources/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: `Literal[value=${NAMES}]`,
          message:
            'The names of a run’s files are in core/experiment/runLayout.ts, its logs’ in core/metrics/sources/.',
        },
      ],
    },
  },
];
