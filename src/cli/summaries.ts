/** What the overview says of each command, apart from the commands: it is shown without loading them. */
export const SUMMARIES = {
  list: { name: 'list', usage: 'list [workspace]', summary: 'Runs and checkpoints of a training workspace.' },
  validate: {
    name: 'validate',
    usage: 'validate <checkpoint or file> [--level LEVEL]',
    summary: 'Whether a checkpoint is whole and a resume from it works.',
  },
  compare: {
    name: 'compare',
    usage: 'compare <a> <b>',
    summary: 'Which tensors, arguments, stages and optimizer states differ between two checkpoints.',
  },
  plan: {
    name: 'plan',
    usage: 'plan <kind> [checkpoint or run] [options]',
    summary: 'What would run, with which arguments, and what could go wrong.',
  },
  metrics: {
    name: 'metrics',
    usage: 'metrics <run> [--metric NAME]…',
    summary: "A run's metrics: every point, cut where a resume began again.",
  },
  check: {
    name: 'check',
    usage: 'check [workspace] [--python PATH]',
    summary: 'What training needs here and whether it is there: Python, torch, GPUs, Slurm, W&B, disk.',
  },
} as const;
