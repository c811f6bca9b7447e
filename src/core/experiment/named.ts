/** Runs and checkpoints by what people and programs call them: a path, a name, or a part of a name that only one has. */
import path from 'node:path';
import { visibleText } from '../plainText';
import { allCheckpoints, bestEvaluated, newestComplete } from './checkpoints';
import type { Checkpoint, Run, Workspace } from './model';

/** What was named is not there, or may be several; `message` is one line that says which there are. */
export class NameProblem extends Error {}

/** What a run and perhaps a checkpoint in it were called by. */
export interface NamedPlace {
  readonly run: Run;
  /** Missing where the run itself was named. */
  readonly checkpoint?: Checkpoint;
}

interface Candidate {
  readonly run: Run;
  readonly root: string;
}

/** How many names an answer lists. */
const LISTED = 10;

/**
 * The run, and the checkpoint where one is named: by itself, or together with its run, as in `demo/checkpoint-200` and in a
 * checkpoint's path.
 *
 * @param typed a run's name, path, id or part of its name, or a checkpoint's path
 * @param checkpoint a checkpoint's name, step or path, `newest` or `best`
 * @throws NameProblem
 */
export function placeNamed(workspaces: readonly Workspace[], typed: string, checkpoint?: string): NamedPlace {
  if (checkpoint !== undefined && checkpoint.trim() !== '') {
    const run = runNamed(workspaces, typed);
    return { run, checkpoint: checkpointNamed(workspaces, run, checkpoint) };
  }
  try {
    return { run: runNamed(workspaces, typed) };
  } catch (error) {
    if (!(error instanceof NameProblem)) throw error;
    const both = checkpointWithRun(workspaces, typed);
    if (both === undefined) throw error;
    return both;
  }
}

/** The two in one: `demo/checkpoint-200`, `experiments/demo/checkpoints/checkpoint-200`; undefined where it is nothing such. */
function checkpointWithRun(workspaces: readonly Workspace[], typed: string): NamedPlace | undefined {
  const [, before = '', name = ''] = /^(.+?)(?:[/\\]checkpoints)?[/\\]([^/\\]+)[/\\]?$/.exec(typed.trim()) ?? [];
  if (name === '') return undefined;
  let run: Run;
  try {
    run = runNamed(workspaces, before);
  } catch (error) {
    if (!(error instanceof NameProblem)) throw error;
    return undefined;
  }
  return { run, checkpoint: checkpointNamed(workspaces, run, name) };
}

/**
 * @param typed a run's name, path, id or part of its name
 * @throws NameProblem
 */
export function runNamed(workspaces: readonly Workspace[], typed: string): Run {
  const wanted = typed.trim();
  const all = workspaces.flatMap(({ root, runs }) => runs.map((run): Candidate => ({ run, root })));
  if (all.length === 0) throw new NameProblem('There are no runs in this workspace.');
  if (wanted === '') throw new NameProblem(`Name a run: ${listed(all)}.`);
  const lower = wanted.toLowerCase();
  const fits: readonly ((candidate: Candidate) => boolean)[] = [
    ({ run, root }) => path.resolve(root, wanted) === run.path || run.id === wanted,
    ({ run }) => run.name === wanted || shown(run.name) === wanted,
    ({ run }) => run.name.toLowerCase() === lower || path.basename(run.path).toLowerCase() === lower,
    ({ run }) => run.name.toLowerCase().includes(lower),
  ];
  for (const fit of fits) {
    const found = all.filter(fit);
    const [only] = found;
    if (found.length === 1 && only !== undefined) return only.run;
    if (found.length > 1) throw new NameProblem(`“${shown(wanted)}” may be ${listed(found)}: write which one.`);
  }
  throw new NameProblem(`There is no run “${shown(wanted)}”. There are ${listed(all)}.`);
}

/**
 * @param typed a checkpoint's name, step or path, `newest` or `best`
 * @throws NameProblem
 */
function checkpointNamed(workspaces: readonly Workspace[], run: Run, typed: string): Checkpoint {
  const wanted = typed.trim();
  const all = allCheckpoints(run);
  if (all.length === 0) throw new NameProblem(`${shown(run.name)} has no checkpoint yet.`);
  const isStep = /^\d+$/.test(wanted);
  const found =
    all.find(({ name }) => name === wanted || shown(name) === wanted) ??
    (isStep ? all.find(({ step }) => step === Number(wanted)) : undefined) ??
    all.find((each) => workspaces.some(({ root }) => path.resolve(root, wanted) === each.path)) ??
    byWord(run, wanted.toLowerCase());
  if (found !== undefined) return found;
  const newest = all.toReversed().slice(0, LISTED);
  const names = `${newest.map(({ name }) => shown(name)).join(', ')}${more(all.length - newest.length)}`;
  throw new NameProblem(`${shown(run.name)} has no checkpoint “${shown(wanted)}”. It has ${names}.`);
}

/** @throws NameProblem where nothing tells which one it is */
function byWord(run: Run, word: string): Checkpoint | undefined {
  if (word === 'newest' || word === 'latest') {
    const newest = newestComplete(run) ?? (run.final?.state === 'complete' ? run.final : undefined);
    if (newest === undefined) throw new NameProblem(`${shown(run.name)} has no complete checkpoint.`);
    return newest;
  }
  if (word !== 'best') return undefined;
  const best = bestEvaluated(run);
  if (best === undefined) {
    throw new NameProblem(`No evaluation says which checkpoint of ${shown(run.name)} is the best: name one.`);
  }
  return best;
}

/** Names, and paths where a name would mean several. */
function listed(candidates: readonly Candidate[]): string {
  const names = candidates.map(({ run }) => run.name);
  const isUnique = new Set(names).size === names.length;
  const some = candidates.slice(0, LISTED).map(({ run }) => shown(isUnique ? run.name : run.path));
  return `${some.join(', ')}${more(candidates.length - some.length)}`;
}

function more(count: number): string {
  return count > 0 ? ` and ${count} more` : '';
}

function shown(text: string): string {
  return visibleText(text, { longest: 200 });
}
