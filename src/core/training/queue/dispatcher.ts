/** The process that starts what waits in a queue (supervisor/npt_queue.py): whether it is there, and starting it. */
import os from 'node:os';
import path from 'node:path';
import type { QueueState } from '../../experiment/queueFiles';
import { procStat, thisHost } from '../../thisHost';
import { readJsonObject } from '../../jsonFile';
import { countIn, stringIn } from '../../jsonText';
import { lastLine, runProgram } from '../../runProgram';
import { QueueError } from './queue';

/** An interpreter on a network disk is slow to start the first time. */
const LIMIT_MS = 60_000;

/** The queue's program, beside the supervisor. */
export function queueProgram(supervisor: string): string {
  return path.join(path.dirname(supervisor), 'npt_queue.py');
}

/** Whether something waits that this machine's dispatcher would start. */
export function hasWork({ paused, entries }: QueueState): boolean {
  return entries.some(
    ({ state, failure }) => (state === 'waiting' && failure === null && !paused) || state === 'started',
  );
}

/** Whether this machine has a dispatcher for the queue, as far as can be told without its lock. */
export async function isDispatched({ folder }: QueueState): Promise<boolean> {
  const host = os.hostname().replaceAll('/', '_') || 'localhost';
  const { object } = await readJsonObject(path.join(folder, `dispatcher-${host}.lock`));
  const pid = object === null ? null : countIn(object, 'pid');
  if (object === null || pid === null || stringIn(object, 'boot_id') !== thisHost().bootId) return false;
  const stat = procStat(pid);
  return stat !== null && stat.state !== 'Z' && stat.startTicks === countIn(object, 'start_ticks');
}

/**
 * Starts the dispatcher, which goes on in the background; where there is one already, nothing happens.
 *
 * @param python any Python from 3.8 on
 * @throws QueueError
 */
export async function dispatch(folder: string, python: string, supervisor: string): Promise<void> {
  await run(python, supervisor, ['dispatch', '--queue', folder]);
}

/** Starts an entry now, without waiting for its turn. @throws QueueError */
export async function startNow(folder: string, id: string, python: string, supervisor: string): Promise<void> {
  await run(python, supervisor, ['start', '--queue', folder, '--id', id]);
}

async function run(python: string, supervisor: string, words: readonly string[]): Promise<void> {
  const { code, errors, ended } = await runProgram(python, [queueProgram(supervisor), ...words], { limitMs: LIMIT_MS });
  if (code === 0) return;
  const said = lastLine(errors)?.replace(/^error: /, '');
  throw new QueueError(
    said ?? `${python} could not start the queue: ${ended ?? `it ended with ${code ?? 'a signal'}`}.`,
  );
}
