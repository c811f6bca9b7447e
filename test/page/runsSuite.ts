/** What tests of the page with the table of runs have in common: runs, and a real session that speaks with the page. */
import type { Page } from 'playwright-core';
import type { Run } from '../../src/core/experiment/model';
import { RunsTableSession } from '../../src/features/runsTable/session';
import type { RunsCommand } from '../../src/protocol/runsTable';
import { RecordingRunsHost, type RunsTableHostOptions } from '../runsTableHost';
import { aCheckpoint, aRun } from '../unit/model/builders';
import type { OpenOptions, PageHarness, PlainPage } from './harness';

/** 2026-11-26 12:00 UTC. */
export const NOON = Date.UTC(2026, 10, 26, 12) / 1000;

const STATES = ['finished', 'finished', 'failed', 'stopped', 'interrupted'] as const;
const STAGES = ['teacher', 'mixed', 'student', 'student'] as const;

/** A run of a sweep; `index` counts from the newest. */
export function sweepRun(index: number, more: number): Run {
  const seed = (index * 37) % 50;
  const rate = [1e-5, 2e-5, 5e-5, 1e-4][index % 4] ?? 1e-5;
  const name = `llama1b_r${[16, 32, 64][index % 3] ?? 16}_lr${index % 4}_bs32_seed${seed}_${index}`;
  const path = `/lab/experiments/${name}`;
  const training = index < 3;
  const step = training ? 12_000 + 800 * index : 60_000 - ((index * 911) % 40_000);
  const loss = index % 97 === 5 ? Number.NaN : 2 + (((index * 7919) % 5000) / 5000) * 1.5;
  const state = training ? 'training' : (STATES[index % STATES.length] ?? 'finished');
  return aRun(name, {
    path,
    state,
    stage: STAGES[index % STAGES.length] ?? null,
    step,
    maxSteps: 60_000,
    loss,
    created: NOON - index * 5400,
    parent:
      index % 3 === 1 ? { id: null, run: `base_${index % 5}`, checkpoint: 'checkpoint-20000', step: 20_000 } : null,
    checkpoints:
      index === 2
        ? []
        : [10_000, 20_000].map((at) =>
            aCheckpoint(at, path, {
              evalLoss: loss + 0.1 + at / 1e6,
              bytes: 1.2e9,
              time: NOON - index * 5400 + at / 2,
            }),
          ),
    exit:
      state === 'failed'
        ? {
            why: 'failed',
            step,
            segment: 1,
            signal: null,
            error: 'CUDA out of memory',
            time: NOON - index * 5400 + 9000,
          }
        : null,
    config: {
      learning_rate: rate,
      np_rank: [16, 32, 64][index % 3],
      seed,
      batch_size: 32,
      curriculum_stages: 'teacher:20000,mixed:20000:0.5,student',
      warmup_steps: index % 2 === 0 ? 500 : 1000,
      optimizer: index % 7 === 0 ? 'adafactor' : 'adamw',
      layers_to_train: index % 2 === 0 ? [11, 12, 13, 14] : [8, 9, 10, 11],
      ...Object.fromEntries(Array.from({ length: more }, (_, at) => [`argument_${at}`, (index * (at + 3)) % (at + 2)])),
    },
  });
}

/** @param more arguments beside the usual ones */
export function sweep(count: number, more = 0): Run[] {
  return Array.from({ length: count }, (_, index) => sweepRun(index, more));
}

export interface OpenRuns extends PlainPage {
  readonly acts: [RunsCommand, readonly string[]][];
  readonly copies: string[];
  /** Paths of the runs whose metrics were read, as often as they were. */
  readonly read: readonly string[];
  /** What the session logged: messages that one of the two refused. */
  readonly reported: readonly string[];
  /** What was kept for the workspace. */
  kept(): unknown;
  /** Replaces the runs that a scan would have found. */
  setRuns(runs: readonly Run[]): void;
}

export type RunsOptions = OpenOptions & RunsTableHostOptions;

/** Opens the table over these runs, with a session as the extension has it. */
export async function openRuns(
  harness: PageHarness,
  runs: readonly Run[],
  options: RunsOptions = {},
): Promise<OpenRuns> {
  const { plain, host, session } = await harness.openSession(
    'runsTable',
    options,
    (post) => new RecordingRunsHost(post, runs, options),
    (each) => new RunsTableSession(each),
  );
  return {
    ...plain,
    reported: host.logged,
    acts: host.acts,
    copies: host.copies,
    read: host.read,
    kept: () => host.kept(),
    setRuns: (next) => {
      host.known = next;
      session.modelChanged();
    },
  };
}

/** Names of the runs in sight, from above. */
export async function shownRuns(page: Page): Promise<string[]> {
  return page.locator('.grid').evaluate((grid) => {
    const box = grid.getBoundingClientRect();
    return [...grid.querySelectorAll('.row:not(.group)')]
      .map((row) => ({
        top: row.getBoundingClientRect().top,
        name: row.querySelector('[aria-colindex="1"]')?.textContent ?? '',
      }))
      .filter(({ top }) => top >= box.top + 27 && top < box.bottom)
      .sort((a, b) => a.top - b.top)
      .map(({ name }) => name);
  });
}
