/** How a run is doing (contract section 1), decided from what is on disk. Pure. */
import { secondsSince } from '../clock';
import type { Liveness, RunExit, RunProcess, RunState } from './model';

/**
 * A process on another machine cannot be asked. It is believed as long as the run's files change: logging every 10 steps at
 * up to a minute a step stays inside this.
 */
const SIGN_OF_LIFE_SECONDS = 600;
/** Other trainers leave no process.json: only a log that grows tells that they train. */
const FIELD_SIGN_OF_LIFE_SECONDS = 120;

export interface RunEvidence {
  readonly process: RunProcess | null;
  readonly liveness: Liveness;
  readonly exit: RunExit | null;
  /** The last `end` event in metrics.jsonl that no later segment followed. */
  readonly loggedEnd: string | null;
  readonly step: number;
  readonly maxSteps: number | null;
  /** Step of a complete final/; null where there is none, or it cannot be told. */
  readonly finalStep: number | null;
  readonly hasFinal: boolean;
  /** True when the run has a run.json: our trainer wrote it and says how it is doing. */
  readonly ours: boolean;
  /** Newest change of the files that grow while training, Unix seconds; 0 where there are none. */
  readonly lastSign: number;
  readonly now: number;
}

export function runState(evidence: RunEvidence): RunState {
  const { process, exit } = evidence;
  // A sign dated in the future is none.
  const quiet = secondsSince(evidence.lastSign, evidence.now) ?? Number.POSITIVE_INFINITY;
  if (process !== null) {
    if (evidence.liveness === 'alive') return 'training';
    if (evidence.liveness === 'waiting') return 'queued';
    if (evidence.liveness === 'elsewhere' && quiet < SIGN_OF_LIFE_SECONDS) return 'training';
  } else if (!evidence.ours && !evidence.hasFinal && evidence.lastSign > 0 && quiet < FIELD_SIGN_OF_LIFE_SECONDS) {
    return 'training';
  }
  return endedState(exit?.why ?? (process === null ? evidence.loggedEnd : null), evidence);
}

function endedState(why: string | null, evidence: RunEvidence): RunState {
  switch (why) {
    case 'done':
      return 'finished';
    case 'stopped':
      return 'stopped';
    case 'failed':
      return 'failed';
    // A kill that came after the last save left nothing to do.
    case 'preempted':
    case 'killed':
    case null:
    default:
      return reachedEnd(evidence) ? 'finished' : 'interrupted';
  }
}

/** final/ alone is no proof: a run that was extended after it finished has steps to go again. */
function reachedEnd({ hasFinal, finalStep, step, maxSteps }: RunEvidence): boolean {
  if (!hasFinal) return false;
  if (finalStep === null) return maxSteps === null || step >= maxSteps;
  return finalStep >= (maxSteps ?? step);
}
