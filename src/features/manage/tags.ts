/** Tags, stars and notes of runs, all of them in a run's notes.md. */
import { open } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { changeTags, tagProblem } from '../../core/experiment/changeTags';
import { STAR_TAG, type Run } from '../../core/experiment/model';
import { NOTES } from '../../core/experiment/runLayout';
import { noteFailure } from '../../core/experiment/runNotes';
import { errorCode, writeFailure } from '../../core/files';
import { showError } from '../../platform/messages';
import { pickMany, type PickRow } from '../../platform/picks';
import { isUnsaved } from '../../platform/unsaved';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';

interface TagChange {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

interface TagRow extends PickRow {
  readonly tag: string;
}

const NO_RUN = (): string => vscode.l10n.t('There is no run in this workspace yet.');

/** How many of the runs have each tag. */
function counted(runs: readonly Run[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const tag of runs.flatMap(({ notes }) => notes?.tags ?? [])) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return counts;
}

/** NPT: Tag Run…: which tags the runs have; a new one is typed. */
export async function tagRuns(deps: FeatureDeps, named: Named): Promise<void> {
  const title = vscode.l10n.t('Tag Run');
  const runs = await chooseRuns(deps, named, { title, none: NO_RUN(), accepts: () => true });
  if (runs.length === 0) return;
  const here = counted(runs);
  const rowOf = (tag: string): TagRow => {
    const count = here.get(tag) ?? 0;
    const some = count > 0 && count < runs.length;
    return {
      tag,
      label: tag,
      icon: tag === STAR_TAG ? 'star-full' : 'tag',
      ...(some ? { description: vscode.l10n.t('{0} of {1} runs', count, runs.length) } : {}),
    };
  };
  const known = [...new Set([STAR_TAG, ...counted(deps.workspaces.runs).keys()])].sort().map(rowOf);
  const onAll = known.filter(({ tag }) => here.get(tag) === runs.length);
  const [first] = runs;
  const ticked = await pickMany(known, {
    titleOf: () => (runs.length === 1 && first !== undefined ? `${title}: ${first.name}` : `${title}: ${runs.length}`),
    ticked: onAll,
    placeHolder: vscode.l10n.t('Choose tags, or type a new one'),
    typed: (text) => {
      const tag = text.trim();
      const problem = tag === '' ? undefined : tagProblem(tag);
      if (problem !== undefined) return { problem };
      return tag === '' || known.some((each) => each.tag === tag) ? {} : { row: rowOf(tag) };
    },
  });
  if (ticked === undefined) return;
  const tags = new Set(ticked.map(({ tag }) => tag));
  const before = new Set(onAll.map(({ tag }) => tag));
  await change(deps, runs, {
    add: [...tags].filter((tag) => !before.has(tag)),
    // What only some have stays theirs unless it was ticked.
    remove: [...before].filter((tag) => !tags.has(tag)),
  });
}

export async function starRuns(deps: FeatureDeps, named: Named, starred: boolean): Promise<void> {
  const runs = await chooseRuns(deps, named, {
    title: starred ? vscode.l10n.t('Star Run') : vscode.l10n.t('Unstar Run'),
    none: starred ? NO_RUN() : vscode.l10n.t('No run in this workspace has a star.'),
    accepts: ({ notes }) => (notes?.tags.includes(STAR_TAG) ?? false) !== starred,
  });
  if (runs.length > 0) await change(deps, runs, starred ? { add: [STAR_TAG] } : { remove: [STAR_TAG] });
}

async function change(deps: FeatureDeps, runs: readonly Run[], tags: TagChange): Promise<void> {
  if ((tags.add?.length ?? 0) + (tags.remove?.length ?? 0) === 0) return;
  for (const run of runs) {
    const file = path.join(run.path, NOTES);
    if (await isUnsaved(file)) {
      void showError(vscode.l10n.t('{0} of {1} is edited and not saved: save it, then tag the run.', NOTES, run.name));
      break;
    }
    try {
      await changeTags(run.path, tags);
    } catch (error) {
      void showError(noteFailure(file, error));
      break;
    }
  }
  await deps.workspaces.rescan('changes');
}

/** NPT: Edit Notes: a run's notes.md, made where there is none. */
export async function editNotes(deps: FeatureDeps, named: Named): Promise<void> {
  const title = vscode.l10n.t('Edit Notes');
  const runs = await chooseRuns(deps, named, { title, none: NO_RUN(), accepts: () => true });
  for (const run of runs) {
    const file = path.join(run.path, NOTES);
    try {
      await (await open(file, 'wx')).close();
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') {
        void showError(`${file}: ${writeFailure(error)}.`);
        continue;
      }
    }
    await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(file), { preview: runs.length === 1 });
  }
}
