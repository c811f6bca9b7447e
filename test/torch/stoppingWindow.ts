/** A window of the extension as far as Stop goes: a process of its own that asks as `npt.stop` does, when it is told to. */
import { setTimeout as sleep } from 'node:timers/promises';
import { processIn } from '../../src/core/experiment/processFolder';
import { StopError } from '../../src/core/experiment/runningProcess';
import { stopRun } from '../../src/core/training/launchers';

/** Stop this run, once after each of these pauses (ms). */
export interface StopOrder {
  readonly order: number;
  readonly run: string;
  readonly pauses: readonly number[];
}

async function carryOut({ run, pauses }: StopOrder): Promise<number> {
  let asked = 0;
  for (const pause of pauses) {
    await sleep(pause);
    const named = await processIn(run);
    if (named === null) continue;
    try {
      await stopRun(named, 'save');
      asked += 1;
    } catch (error) {
      if (!(error instanceof StopError)) throw error; // It has ended meanwhile.
    }
  }
  return asked;
}

process.on('message', (message: StopOrder) => {
  void carryOut(message).then((asked) => process.send?.({ order: message.order, asked }));
});
