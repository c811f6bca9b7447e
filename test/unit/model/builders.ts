/** Models of runs and checkpoints for unit tests: a sensible one, with what the test is about replaced. */
import type { Checkpoint, Run } from '../../../src/core/experiment/model';

export function aCheckpoint(step: number, runPath: string, rest: Partial<Checkpoint> = {}): Checkpoint {
  return {
    name: `checkpoint-${step}`,
    path: `${runPath}/checkpoints/checkpoint-${step}`,
    step,
    state: 'complete',
    stateReason: null,
    stage: 'mixed',
    loss: 2.5,
    evalLoss: null,
    bytes: 1000,
    time: 1_700_000_000 + step,
    best: false,
    pinned: false,
    files: [{ name: 'npt_weights.pt', bytes: 1000 }],
    ...rest,
  };
}

export function aRun(name: string, rest: Partial<Run> = {}): Run {
  const path = `/ws/experiments/${name}`;
  return {
    name,
    id: `id-${name}`,
    path,
    state: 'interrupted',
    step: 300,
    maxSteps: 600,
    stage: 'mixed',
    created: 1_700_000_000,
    parent: null,
    config: null,
    curriculum: null,
    process: null,
    processState: null,
    exit: null,
    loss: 2.5,
    checkpoints: [100, 200, 300].map((step) => aCheckpoint(step, path)),
    final: null,
    ...rest,
  };
}
