/** The demo from the first look to the last: what the ui suite proves and the headless demo shows. */
import { branchWithLearningRate, stopAndValidate } from './branch';
import { compareFirstAndLast } from './compare';
import { lookAround } from './look';
import { probeAndRunForward, workWithoutTheModule } from './probe';
import { resumeToTheEnd } from './resume';
import type { JourneySession } from './session';
import { validateGoodAndDamaged } from './validate';

export interface JourneyPart {
  readonly title: string;
  /** May take this long, in milliseconds. */
  readonly limit: number;
  run(session: JourneySession): Promise<void>;
}

/** The parts in their order; each goes on where the one before it ended. */
export const JOURNEY: readonly JourneyPart[] = [
  { title: 'shows the interrupted run and its checkpoints', limit: 400_000, run: lookAround },
  {
    title: 'resumes the newest checkpoint through the student stage to final',
    limit: 900_000,
    run: resumeToTheEnd,
  },
  {
    title: 'validates a good checkpoint at the default level and names what is wrong with a damaged one',
    limit: 400_000,
    run: validateGoodAndDamaged,
  },
  { title: 'compares two checkpoints, their optimizers too', limit: 400_000, run: compareFirstAndLast },
  {
    title: 'probes the run and validates to the level forward, with the packaged ONNX Runtime',
    limit: 400_000,
    run: probeAndRunForward,
  },
  {
    title: 'says why the probe is off without its module, and does everything else',
    limit: 400_000,
    run: workWithoutTheModule,
  },
  {
    title: 'branches an early checkpoint with another learning rate',
    limit: 600_000,
    run: branchWithLearningRate,
  },
  {
    title: 'stops the branch, which leaves a checkpoint that validates',
    limit: 400_000,
    run: stopAndValidate,
  },
];
