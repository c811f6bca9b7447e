/** What tests of the page with the lineage have in common: a lab's runs, and a real session that speaks with the page. */
import type { Run, RunState } from '../../src/core/experiment/model';
import { LineageSession } from '../../src/features/lineage/session';
import type { LaneCommand } from '../../src/protocol/lineage';
import { RecordingLineageHost, type LineageHostOptions } from '../lineageHost';
import { aCheckpoint, aRun } from '../unit/model/builders';
import type { OpenOptions, PageHarness, PlainPage } from './harness';

const STAGES = [
  { name: 'teacher', from: 0, until: 20_000, mixingRatio: 0, mlpMixingRatio: null },
  { name: 'mixed', from: 20_000, until: 50_000, mixingRatio: 0.5, mlpMixingRatio: null },
  { name: 'student', from: 50_000, until: 90_000, mixingRatio: 1, mlpMixingRatio: null },
] as const;

interface Made {
  readonly name: string;
  readonly state?: RunState;
  readonly step?: number;
  /** Name of the parent, and the step that it left it at. */
  readonly from?: readonly [parent: string, step: number];
  readonly more?: Partial<Run>;
}

/** A run with a checkpoint every so many steps. */
export function lane(index: number, { name, state = 'finished', step = 60_000, from, more }: Made, every = 5000): Run {
  const path = `/lab/experiments/${name}`;
  const first = from?.[1] ?? 0;
  const count = Math.max(0, Math.floor((step - first) / every));
  return aRun(name, {
    ...{ path, state, step, maxSteps: 60_000, created: 1_790_000_000 - index * 3600 },
    stage: STAGES.find(({ until }) => step < until)?.name ?? 'student',
    curriculum: { stages: STAGES },
    parent:
      from === undefined
        ? null
        : { id: `id-${from[0]}`, run: from[0], checkpoint: `checkpoint-${from[1]}`, step: from[1] },
    checkpoints: Array.from({ length: count }, (_, at) =>
      aCheckpoint(first + (at + 1) * every, path, {
        evalLoss: 2.5 - at / 50,
        best: at === count - 2,
        pinned: at === 1,
        state: name.includes('broken') && at === 2 ? 'broken' : 'complete',
      }),
    ),
    ...more,
  });
}

/** One of everything: every state, every mark, and every way in which a parent may be lost. */
export function lab(): Run[] {
  const made: readonly Made[] = [
    { name: 'llama1b_r64_teacher20k', step: 58_200, state: 'training' },
    {
      name: 'llama1b_r64_teacher20k-lr5e-5',
      step: 41_000,
      state: 'training',
      from: ['llama1b_r64_teacher20k', 30_000],
    },
    { name: 'llama1b_r64_teacher20k-lr1e-4', step: 38_000, state: 'failed', from: ['llama1b_r64_teacher20k', 30_000] },
    {
      name: 'llama1b_r64_teacher20k-lr1e-5-broken',
      step: 52_000,
      state: 'stopped',
      from: ['llama1b_r64_teacher20k', 20_000],
    },
    {
      name: 'llama1b_r64_teacher20k-lr5e-5-wd0.1',
      step: 44_000,
      state: 'interrupted',
      from: ['llama1b_r64_teacher20k-lr5e-5', 35_000],
    },
    { name: 'queued-next', step: 35_000, state: 'queued', from: ['llama1b_r64_teacher20k-lr5e-5', 35_000] },
    {
      name: 'baseline',
      more: { final: aCheckpoint(60_000, '/lab/experiments/baseline', { name: 'final', path: '/f' }) },
    },
    { name: 'baseline-from-gone-step', step: 20_000, from: ['baseline', 12_345] },
    { name: 'orphan-a', step: 30_000, from: ['deleted-parent', 10_000] },
    { name: 'orphan-b', step: 25_000, from: ['deleted-parent', 15_000] },
    { name: 'names-itself', step: 9000, from: ['names-itself', 3000] },
    { name: 'other-trainer', step: 15_000, more: { id: null, curriculum: null, stage: null } },
  ];
  return made.map((each, index) => lane(index, each));
}

/** A lab's worth: families of a run and its branches, and theirs. */
export function largeLab(runs: number, checkpoints: number): Run[] {
  const each = Math.max(1, Math.round(checkpoints / runs));
  return Array.from({ length: runs }, (_, at) => {
    const parent = at % 10 === 0 ? undefined : at - 1 - (at % 3 === 0 ? Math.min(2, (at % 10) - 1) : 0);
    const first = ((at % 10) * 4000) % 40_000;
    const from = parent === undefined ? {} : { from: [`run-${parent}`, first] as const };
    return lane(at, { name: `run-${at}`, step: first + each * 1000, ...from }, 1000);
  });
}

export interface OpenLineage extends PlainPage {
  readonly acts: [LaneCommand, string][];
  /** What the session logged: messages that one of the two refused. */
  readonly reported: readonly string[];
  /** Replaces the runs that a scan would have found. */
  setRuns(runs: readonly Run[]): void;
}

export type LineageOptions = OpenOptions & LineageHostOptions;

/** Opens the lineage over these runs, with a session as the extension has it. */
export async function openLineage(
  harness: PageHarness,
  runs: readonly Run[],
  options: LineageOptions = {},
): Promise<OpenLineage> {
  const { plain, host, session } = await harness.openSession(
    'lineage',
    options,
    (post) => new RecordingLineageHost(post, runs, options),
    (each) => new LineageSession(each),
  );
  return {
    ...plain,
    reported: host.logged,
    acts: host.acts,
    setRuns: (next) => {
      host.known = next;
      session.modelChanged();
    },
  };
}
