/** The trainer's programs on checkpoints as tasks: the commands' and those of tasks.json. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { isThere } from '../../core/files';
import {
  programCommand,
  programPlaces,
  type ProgramKind,
  type ProgramRequest,
} from '../../core/training/checkpointPrograms';
import { launchFailures, readLaunch } from '../../core/training/launchers';
import { escapedWords, programTask, TaskTextError } from '../../platform/tasks';
import type { TrainerTask } from '../deps';
import { environmentOf } from '../training/plans';

/**
 * @param root the workspace folder
 * @param supervisor path of its script, beside which the trainer that ships is
 * @param given what tasks.json says, and the task's name there
 * @returns in one line why there is no such task, where that is so
 * @throws PythonNotFound
 */
export async function makeProgramTask(
  request: ProgramRequest,
  root: string,
  supervisor: string,
  given?: { readonly definition: vscode.TaskDefinition; readonly name: string },
): Promise<TrainerTask | string> {
  const { interpreter = '', script: trainScript = '', launch: asked } = await environmentOf(root);
  const { launch, problems } = readLaunch(asked);
  // Only its environment counts: these programs run here, whatever starts training.
  const failures = await launchFailures({ ...launch, kind: 'local' });
  const wrong = [...problems, ...failures.map(({ message }) => message)][0];
  if (wrong !== undefined) return wrong;
  const bundled = path.join(path.dirname(path.dirname(supervisor)), 'trainer');
  const places = programPlaces(request.kind, path.resolve(root, trainScript), bundled);
  const [beside = '', shipped = ''] = places;
  const script = (await isThere(beside)) ? beside : shipped;
  const [command = '', ...words] = programCommand(request, { interpreter, script, environment: launch.environment });
  const { escaped, words: safe } = escapedWords(words);
  try {
    const task = programTask({
      definition: given?.definition ?? definitionOf(request, root),
      scope: vscode.workspace.getWorkspaceFolder(vscode.Uri.file(root)),
      name: given?.name ?? nameOf(request),
      program: interpreter,
      words: [supervisor, command, ...(escaped ? ['--escaped'] : []), ...safe],
      folder: root,
      environment: { PYTHONUNBUFFERED: '1' },
      problemMatchers: ['$npt-error'],
    });
    task.presentationOptions = {
      reveal: vscode.TaskRevealKind.Always,
      panel: vscode.TaskPanelKind.Dedicated,
      showReuseMessage: false,
      clear: false,
      echo: false,
    };
    return { task, interpreter, cwd: root };
  } catch (error) {
    if (error instanceof TaskTextError) return error.message;
    throw error;
  }
}

function nameOf({ kind, checkpoints: [first = '', ...others] }: ProgramRequest): string {
  const titles: Readonly<Record<ProgramKind, string>> = {
    export: vscode.l10n.t('export'),
    generate: vscode.l10n.t('generate with'),
    evaluate: vscode.l10n.t('evaluate'),
  };
  const run = path.basename(path.dirname(path.dirname(first)));
  const more = others.length === 0 ? '' : ` ${vscode.l10n.t('and {0} more', others.length)}`;
  return `${titles[kind]} ${path.basename(first)} (${run})${more}`;
}

/** As tasks.json would ask for it: an output is new each time, so that it has to be named there. */
function definitionOf(
  { kind, checkpoints, output, prompt, file }: ProgramRequest,
  root: string,
): vscode.TaskDefinition {
  const within = (target: string): string => path.relative(root, target);
  const [checkpoint = ''] = checkpoints;
  return {
    type: 'npt',
    kind,
    checkpoint: within(checkpoint),
    ...(output === undefined ? {} : { output: within(output) }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(file === undefined ? {} : { file: within(file) }),
  };
}
