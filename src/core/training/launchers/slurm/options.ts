/** What a job asks of Slurm: the settings `npt.slurm.*`, and sbatch's words for them. */
import { lineOf } from './text';
import type { Launch, LaunchOption, OptionValue } from '../launcher';

/** As sbatch(1) takes a time: minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]]. */
const TIME = /^(?:\d+|\d+:\d{1,2}|\d+:\d{1,2}:\d{1,2}|\d+-\d{1,2}(?::\d{1,2}){0,2})$/;
const MOST_NODES = 10_000;

/** A name, or several where Slurm takes a list; no spaces, which nothing of Slurm's has. */
function word(name: string, description: string, what: string): LaunchOption {
  return {
    name,
    description,
    default: '',
    form: what,
    read: (given) => (typeof given === 'string' && /^[\w.,:+/@=*()-]*$/.test(given.trim()) ? given.trim() : undefined),
  };
}

function count(name: string, description: string, usual: number, least: number, most: number): LaunchOption {
  return {
    name,
    description,
    default: usual,
    form: `a whole number from ${least} to ${most}`,
    read(given) {
      const value = typeof given === 'string' && /^\d{1,9}$/.test(given.trim()) ? Number(given) : given;
      return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most ? Number(value) : undefined;
    },
  };
}

/** Options of sbatch that say how the job is run and followed: they are ours. */
const OURS =
  /^(?:--(?:wrap|output|error|open-mode|chdir|parsable|array|signal|requeue|no-requeue|wait|test-only|help|usage|version|quiet|export-file|input|clusters?)(?:=|$)|-[oeDaWhVQiM])/;

const extra: LaunchOption = {
  name: 'extra',
  description: 'Further options of sbatch, one an entry, as behind #SBATCH: --constraint=a100.',
  default: [],
  form: 'a list of options of sbatch such as "--constraint=a100", none that says where the job runs, logs or restarts',
  read(given) {
    const list = typeof given === 'string' ? (given.trim() === '' ? [] : [given]) : given;
    if (!Array.isArray(list)) return undefined;
    const lines: string[] = [];
    for (const entry of list as unknown[]) {
      if (typeof entry !== 'string') return undefined;
      const line = entry.trim().replace(/^#SBATCH\s+/, '');
      // One word: a space would be part of its value, and is none of an option's name.
      if (!/^--[a-z][a-z-]*(?:=|$)/.test(line) || OURS.test(line) || !lineOf(line)) return undefined;
      lines.push(line);
    }
    return lines;
  },
};

export const OPTIONS: readonly LaunchOption[] = [
  word('partition', 'Partition, or several of which the first with room is taken.', 'the name of a partition'),
  word('account', 'Account that is charged.', 'the name of an account'),
  word('qos', 'Quality of service.', 'the name of a quality of service'),
  {
    name: 'time',
    description: 'Time limit of a start; at its end the run is saved and requeued. Empty: the partition’s.',
    default: '',
    form: 'a time such as 90 (minutes), 4:00:00 or 2-12',
    read: (given) => {
      const text = typeof given === 'number' ? given.toString() : typeof given === 'string' ? given.trim() : undefined;
      return text !== undefined && (text === '' || TIME.test(text)) ? text : undefined;
    },
  },
  count('nodes', 'How many nodes train together.', 1, 1, MOST_NODES),
  count('gpus', 'GPUs of each node; a process trains on each.', 0, 0, 64),
  word('gres', 'Generic resources of each node, instead of gpus: gpu:a100:2.', 'resources such as gpu:a100:2'),
  count('cpus', 'CPU cores of each node; 0: as the partition has it.', 0, 0, 4096),
  word('memory', 'Memory of each node: 64G. Empty: the partition’s.', 'an amount such as 64G'),
  count(
    'warning',
    'Seconds before the time limit at which the run is saved and requeued: a step and a save have to fit in.',
    120,
    10,
    65_535,
  ),
  extra,
];

/** How many processes train on each node: one a GPU. */
export function processesOf({ options }: Launch): number {
  const gpus = Number(options['gpus'] ?? 0);
  if (gpus > 0) return gpus;
  const inGres = /(?:^|,)(?:gres[:/])?gpu(?::[^,:()]+)?:(\d+)/.exec(textOf(options['gres']))?.[1];
  return Math.max(1, Number(inGres ?? 1));
}

export function nodesOf({ options }: Launch): number {
  return Math.max(1, Number(options['nodes'] ?? 1));
}

export function cpusOf({ options }: Launch): number {
  return Number(options['cpus'] ?? 0);
}

/** sbatch's words for a launch's options. */
export function resourceWords(launch: Launch): string[] {
  const { options } = launch;
  const named = (option: string, name: string): string[] => {
    const value = textOf(options[name]);
    return value === '' || value === '0' ? [] : [`--${option}=${value}`];
  };
  const nodes = nodesOf(launch);
  return [
    ...named('partition', 'partition'),
    ...named('account', 'account'),
    ...named('qos', 'qos'),
    ...named('time', 'time'),
    `--nodes=${nodes}`,
    // torchrun, and not Slurm, starts the processes of a node.
    '--ntasks-per-node=1',
    ...named('cpus-per-task', 'cpus'),
    ...named('mem', 'memory'),
    ...named('gres', 'gres'),
    ...(textOf(options['gres']) === '' ? named('gpus-per-node', 'gpus') : []),
    `--signal=B:USR1@${String(options['warning'] ?? 120)}`,
    ...listOf(options['extra']),
  ];
}

function listOf(value: OptionValue | undefined): readonly string[] {
  return typeof value === 'object' ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
