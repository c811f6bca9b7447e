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
  presets: {
    name: 'presets',
    usage: 'presets [workspace]',
    summary: 'Arguments under a name, to start new runs with.',
  },
  start: {
    name: 'start',
    usage: 'start [run] [--preset NAME] [options]',
    summary: "Starts a new run: with a preset, another run's settings, or typed arguments alone.",
  },
  resume: { name: 'resume', usage: 'resume <checkpoint or run> [options]', summary: 'Goes on with a run.' },
  extend: {
    name: 'extend',
    usage: 'extend <checkpoint or run> [--steps N]',
    summary: 'Goes on with a run, further than it was to go.',
  },
  'fine-tune': {
    name: 'fine-tune',
    usage: 'fine-tune <checkpoint or run> --set learning_rate=RATE',
    summary: 'Goes on with another learning rate.',
  },
  debug: {
    name: 'debug',
    usage: 'debug <checkpoint or run> --stage STAGE',
    summary: 'Jumps to a stage for a few steps, in a new run.',
  },
  branch: {
    name: 'branch',
    usage: 'branch <checkpoint or run> [--set NAME=VALUE]…',
    summary: 'Starts a new run from a checkpoint.',
  },
  're-run': {
    name: 're-run',
    usage: 're-run <run> [--set NAME=VALUE]…',
    summary: "Runs a run's original command again, into a new run.",
  },
  queue: {
    name: 'queue',
    usage: 'queue [action] [run or id]… [--workspace FOLDER]',
    summary: 'The runs that wait for a device: lists them, changes their order, has them started.',
  },
  clean: {
    name: 'clean',
    usage: 'clean <run…> --keep-last N [options]',
    summary: 'Which checkpoints a policy would delete and what that frees; with --yes it does.',
  },
  backup: {
    name: 'backup',
    usage: 'backup <checkpoint>… --to DIR',
    summary: 'Copies checkpoints to another disk, verified and resumable.',
  },
  restore: {
    name: 'restore',
    usage: 'restore <backup> [--workspace DIR]',
    summary: 'Brings a backed-up checkpoint back, into its run or with it.',
  },
  'verify-backup': {
    name: 'verify-backup',
    usage: 'verify-backup <backup>',
    summary: 'Whether a backup is what it was when it was made.',
  },
  rename: {
    name: 'rename',
    usage: 'rename <run> <new name> [options]',
    summary: "Gives a run's folder another name; its branches go on finding it by its id.",
  },
  stop: {
    name: 'stop',
    usage: 'stop <run> [--now]',
    summary: 'Asks a run to save and stop, wherever it was started.',
  },
} as const;
