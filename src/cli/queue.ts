/** `queue`: what waits for a device, in the same folder that every window shows and one dispatcher a machine empties. */
import path from 'node:path';
import { queueFolder, readQueue, type QueueEntry, type QueueState } from '../core/experiment/queueFiles';
import { formatCount, valueText } from '../core/format';
import { dispatch, hasWork, isDispatched, startNow } from '../core/training/queue/dispatcher';
import { cancel, move, MOVES, queueAgain, QueueError, setQueue } from '../core/training/queue/queue';
import { pythonOf } from './launch';
import { type Command, type Invocation, oneOf, type Result, UsageError } from './options';
import { SUMMARIES } from './summaries';
import { printable, table } from './table';
import { WORKSPACE_OPTION } from './workspace';

/** Beside the folder that the command line ships in. */
const SUPERVISOR = path.join(__dirname, '..', 'supervisor', 'npt_supervise.py');
/** How often `run --wait` looks. */
const LOOK_MS = 500;

/** What is done to entries, by name. */
type Change = (root: string, id: string, python: () => Promise<string>) => Promise<void>;

const CHANGES: ReadonlyMap<string, Change> = new Map<string, Change>([
  ['cancel', cancel],
  ...MOVES.map((where): [string, Change] => [where, (root, id) => move(root, id, where)]),
  ['start', async (root, id, python) => startNow(queueFolder(root), id, await python(), SUPERVISOR)],
  ['again', queueAgain],
]);
const OF_ALL = ['list', 'pause', 'resume', 'run'] as const;
const ACTIONS = [...OF_ALL, ...CHANGES.keys()];

export const queueCommand: Command = {
  ...SUMMARIES.queue,
  details: [
    'list (what is done unless something else is named), pause, resume;',
    `run: has somebody start what waits, who goes on without you (after a restart of the machine);`,
    `${[...CHANGES.keys()].join(', ')}: of runs, by folder, name or the id that list tells.`,
    'Runs get into it by --queue, or several at once: branch RUN --set learning_rate=1e-5,3e-5.',
    'Exits with 1 when something could not be done.',
  ],
  positionals: { least: 0, most: Infinity },
  options: {
    workspace: WORKSPACE_OPTION,
    python: {
      type: 'string',
      value: 'PATH',
      description: 'Interpreter that starts what waits [npt.pythonPath, .venv of the workspace, python3].',
    },
    'cpu-slots': {
      type: 'string',
      value: 'N',
      description: 'From now on, how many runs train on the CPU at once [1].',
    },
    wait: { type: 'boolean', description: 'run: return when nothing waits or trains any more.' },
  },
  async run(invocation) {
    const root = path.resolve(invocation.option('workspace') ?? '.');
    const [word = 'list', ...named] = invocation.positionals;
    const action = oneOf('The action', word, ACTIONS);
    const change = CHANGES.get(action);
    if (change === undefined && named.length > 0) throw new UsageError(`queue ${action} takes no run.`);
    if (change !== undefined && named.length === 0) throw new UsageError(`Name a run: queue ${action} RUN.`);
    const problems: string[] = [];
    try {
      await setSlots(root, invocation.option('cpu-slots'));
      if (change === undefined) await ofAll(root, action as (typeof OF_ALL)[number], invocation);
      else await ofEntries(root, change, named, invocation);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      problems.push(error.message);
    }
    return shown(await readQueue(root), problems);
  },
};

/** @throws UsageError @throws QueueError */
async function setSlots(root: string, given: string | undefined): Promise<void> {
  if (given === undefined) return;
  if (!/^[1-9]\d{0,3}$/.test(given))
    throw new UsageError(`--cpu-slots "${given}" is not a whole number from 1 to 9999.`);
  await setQueue(root, { cpuSlots: Number(given) });
}

/** @throws QueueError */
async function ofAll(root: string, action: (typeof OF_ALL)[number], invocation: Invocation): Promise<void> {
  if (action === 'pause' || action === 'resume') await setQueue(root, { paused: action === 'pause' });
  if (action === 'run' || action === 'resume') await goOn(root, invocation);
  if (action !== 'run' || !invocation.is('wait')) return;
  while (hasWork(await readQueue(root))) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

/** @throws UsageError @throws QueueError */
async function ofEntries(
  root: string,
  change: Change,
  named: readonly string[],
  invocation: Invocation,
): Promise<void> {
  const { entries } = await readQueue(root);
  const found = named.map((name) => entryOf(entries, name, root));
  for (const { id } of found) await change(root, id, () => pythonOf(root, invocation));
  // What waits again needs somebody who starts it.
  if (change === queueAgain) await goOn(root, invocation);
}

/** @throws QueueError */
async function goOn(root: string, invocation: Invocation): Promise<void> {
  const state = await readQueue(root);
  if (hasWork(state)) await dispatch(state.folder, await pythonOf(root, invocation), SUPERVISOR);
}

/** @throws UsageError */
function entryOf(entries: readonly QueueEntry[], name: string, root: string): QueueEntry {
  const places = [path.resolve(name), path.resolve(root, name)];
  const found = entries.filter(({ id, run }) => id === name || places.includes(run) || path.basename(run) === name);
  const [first, ...others] = found;
  if (first === undefined) throw new UsageError(`${name} is not in the queue of ${root}.`);
  if (others.length === 0) return first;
  throw new UsageError(`${name} is in the queue ${found.length} times: ${found.map(({ id }) => id).join(', ')}.`);
}

async function shown(state: QueueState, problems: readonly string[]): Promise<Result> {
  const { folder, paused, cpuSlots, entries } = state;
  const isWaiting = (entry: QueueEntry): boolean => entry.state === 'waiting';
  const dispatched = await isDispatched(state);
  const waiting = entries.filter(isWaiting);
  const all = [...problems, ...state.problems.map(({ path: at, message }) => `${at}: ${message}`)];
  const rows = entries.map((entry) => [
    isWaiting(entry) ? `${waiting.indexOf(entry) + 1}` : entry.state,
    path.basename(entry.run),
    `${entry.kind} at step ${formatCount(entry.step)}`,
    entry.gpus === 0 ? 'CPU' : entry.devices.join(',') || `${entry.gpus} GPU${entry.gpus === 1 ? '' : 's'}`,
    entry.id,
    entry.failure ??
      Object.entries(entry.changed)
        .map(([name, value]) => `${name}=${valueText(value)}`)
        .join(' '),
  ]);
  return {
    document: {
      ...{ folder, paused, cpuSlots, dispatched },
      entries: entries.map(({ id, state: of, run, kind, checkpoint, step, maxSteps, stage, ...entry }) => ({
        ...{ id, state: of, position: of === 'waiting' ? waiting.findIndex((each) => each.id === id) + 1 : null },
        ...{ run, kind, checkpoint, step, maxSteps, stage, changed: entry.changed, added: entry.added },
        ...{ gpus: entry.gpus, devices: entry.devices, failure: entry.failure },
      })),
      problems: all,
    },
    text: [
      entries.length === 0 ? 'Nothing waits.' : table(rows),
      ...(paused ? ['The queue is paused: what trains goes on, and nothing else is started (queue resume).'] : []),
      ...(hasWork(state) && !dispatched ? ['Nobody starts what waits here: queue run.'] : []),
      ...all.map((problem) => printable(`error: ${problem}`)),
    ].join('\n'),
    yes: all.length === 0,
  };
}
