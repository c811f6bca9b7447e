/** What the journey compares the window with: the training workspace on disk. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** How soon a change on disk is seen is for test/unit's watch tests: here other work may hold the cores. */
export const NOTICED_WITHIN_MS = 180_000;

/** Steps of a run's checkpoints, ascending. */
export function checkpointSteps(run: string): number[] {
  const folder = path.join(run, 'checkpoints');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

export function newestCheckpoint(run: string): number {
  const newest = checkpointSteps(run).at(-1);
  if (newest === undefined) throw new Error(`${run} has no checkpoint.`);
  return newest;
}

export function readJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
}

/** The run of the workspace that waits to be resumed in its mixed stage: the demo's newest one. */
export function waitingRun(workspace: string): string {
  const experiments = path.join(workspace, 'experiments');
  const waiting = readdirSync(experiments)
    .filter((name) => /^npt_demo(-\d+)?$/.test(name) && !existsSync(path.join(experiments, name, 'checkpoints/final')))
    .sort((a, b) => a.length - b.length || a.localeCompare(b))
    .at(-1);
  if (waiting === undefined) throw new Error(`No run of ${experiments} waits to be resumed.`);
  return path.join(experiments, waiting);
}
