/** The names of a run's and a checkpoint's files are written once: what else in src/ needs one takes it from where it is. */

const OF_RUNS =
  '/^((run|process|exit|pins|backups|best|wandb|trainer_state)[.]json|train[.]log|notes[.]md|(metrics|training_log)[.]jsonl|experiments)$/';
const OF_CHECKPOINTS = '/^((npt_weights|training_state|multi_layer_state)[.]pt|(config|manifest)[.]json|checkpoints)$/';
/** "1 checkpoint", "2 checkpoints": a word of a sentence. */
const OF_A_TEXT = 'ConditionalExpression > Literal';
/** The command line's `--experiments` is the name of an option. */
const OF_AN_OPTION = 'CallExpression[callee.name="option"] > Literal';

/** @type {import('eslint').Linter.Config[]} */
export const fileNameRules = [
  {
    files: ['src/**/*.ts'],
    ignores: ['src/core/experiment/runLayout.ts', 'src/core/checkpoint/fileNames.ts', 'src/core/metrics/sources/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: `Literal[value=${OF_RUNS}]:not(${OF_AN_OPTION})`,
          message:
            'The names of a run’s files are in core/experiment/runLayout.ts, its logs’ in core/metrics/sources/.',
        },
        {
          selector: `Literal[value=${OF_CHECKPOINTS}]:not(${OF_A_TEXT})`,
          message:
            'The names of a checkpoint’s files, and of the folder for checkpoints, are in core/checkpoint/fileNames.ts.',
        },
      ],
    },
  },
];
