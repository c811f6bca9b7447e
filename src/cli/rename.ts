/** `rename`: another name for a run's folder, by the rules of NPT: Rename Run…; what goes by the name alone asks for --yes. */
import { planRename, RenameError, renameRun, type RenamePlan } from '../core/experiment/renameRun';
import { scanWorkspace } from '../core/experiment/scan';
import { askProcess } from '../core/training/launchers';
import { renameNotes } from '../core/training/renameNotes';
import type { Run } from '../core/experiment/model';
import type { Command, Result } from './options';
import { SUMMARIES } from './summaries';
import { printable } from './table';
import { EXPERIMENTS_OPTION, namedRun, WORKSPACE_OPTION, workspaceAt } from './workspace';

export const renameCommand: Command = {
  ...SUMMARIES.rename,
  details: [
    'The run is named by folder or name; a nested run stays where it is. Nothing that has the new name is replaced.',
    'What goes by its name or path alone and would not find it again (runs, tasks.json) is said: --yes renames it all the same.',
    'Exits with 1 when it was not renamed: it trains or waits, or the name is taken or none.',
  ],
  positionals: { least: 2, most: 2 },
  options: {
    workspace: WORKSPACE_OPTION,
    experiments: EXPERIMENTS_OPTION,
    'dry-run': { type: 'boolean', description: 'Only say whether it can be renamed, and what goes by its name.' },
    yes: { type: 'boolean', description: 'Rename it also where something goes by its name or path alone.' },
  },
  async run(invocation) {
    const [named = '', typed = ''] = invocation.positionals;
    const { root, experimentsFolder } = await workspaceAt(invocation.option('workspace'), invocation);
    const workspace = await scanWorkspace(root, { experimentsFolder, ask: askProcess });
    const run = namedRun(workspace, named);
    try {
      const plan = await planRename(run, typed, [workspace]);
      const told = await renameNotes(plan, [root]);
      if (invocation.is('dry-run')) return answer(plan, told, false, 'would be renamed', null);
      if (told.length > 0 && !invocation.is('yes')) {
        return answer(
          plan,
          told,
          false,
          '',
          'Something goes by its name or path alone: --yes renames it all the same.',
        );
      }
      await renameRun(plan);
      return answer(plan, told, true, 'renamed', null);
    } catch (error) {
      if (!(error instanceof RenameError)) throw error;
      return refused(run, error.message);
    }
  },
};

/** @param reason why it was not renamed, in one line; null where it was, or would be */
function answer(
  plan: RenamePlan,
  told: readonly string[],
  renamed: boolean,
  done: string,
  reason: string | null,
): Result {
  const { run, to, name } = plan;
  const last = reason === null ? `${done}: ${run.name} to ${name} (${to})` : `error: ${reason}`;
  return {
    document: {
      ...{ from: run.path, to, name, renamed, reason },
      loses: plan.loses.map(shownRun),
      gains: plan.gains.map(shownRun),
      notes: told,
    },
    text: [...told.map((line) => `note: ${line}`), last].map(printable).join('\n'),
    yes: reason === null,
  };
}

function shownRun({ name, path }: Run): object {
  return { name, path };
}

function refused(run: Run, reason: string): Result {
  const nothing = { to: null, name: null, renamed: false, reason, loses: [], gains: [], notes: [] };
  return { document: { from: run.path, ...nothing }, text: printable(`error: ${reason}`), yes: false };
}
