/** The trainer's programs on checkpoints, and what comes out of them. */
import { mkdir, readFile } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { renderEvaluation } from '../../core/checkpoint/report/renderEvaluation';
import { newestComplete, newestUsable } from '../../core/experiment/checkpoints';
import { isThere } from '../../core/files';
import type { ProgramRequest } from '../../core/training/checkpointPrograms';
import { showError, showInformation } from '../../platform/messages';
import { askText, pick } from '../../platform/picks';
import { needingPython } from '../../platform/python';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoints, type CheckpointOfRun, type CheckpointQuestion, type Named } from '../targets';
import { makeProgramTask } from './programTask';

/** Exit codes of a program that was asked to end: 128 and the signal's number. */
const ENDED = new Set([129, 130, 143]);

export class ProgramCommands {
  constructor(private readonly deps: FeatureDeps) {}

  /** @returns the folder that was made; undefined where none was */
  async export(named: Named): Promise<string | undefined> {
    const title = vscode.l10n.t('Export Model');
    const [chosen] = await this.checkpoints({ argument: named.argument }, title);
    if (chosen === undefined) return undefined;
    const root = this.deps.workspaces.rootOf(chosen.run);
    const typed = await askText({
      title: vscode.l10n.t('Export {0} of {1}', chosen.checkpoint.name, chosen.run.name),
      prompt: vscode.l10n.t('The new folder: weights, tokenizer, code and model card, for transformers.'),
      value: path.join('exports', await freeName(path.join(root, 'exports'), nameOf(chosen), '')),
      ignoreFocusOut: true,
      problem: async (text) => {
        if (text.trim() === '') return vscode.l10n.t('Write the path of a folder.');
        const target = path.resolve(root, text.trim());
        return (await isThere(target)) ? vscode.l10n.t('{0} is already there.', target) : undefined;
      },
    });
    if (typed === undefined) return undefined;
    const output = path.resolve(root, typed.trim());
    const request: ProgramRequest = { kind: 'export', checkpoints: [chosen.checkpoint.path], output };
    if (!(await this.run(request, root, path.dirname(output)))) return undefined;
    void this.showExport(output);
    return output;
  }

  private async showExport(folder: string): Promise<void> {
    await vscode.commands.executeCommand('markdown.showPreview', vscode.Uri.file(path.join(folder, 'README.md')));
    const reveal = vscode.l10n.t('Reveal Folder');
    const answer = await showInformation(vscode.l10n.t('The model is in {0}.', folder), reveal);
    if (answer === reveal) await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(folder));
  }

  /** The text is in the task's terminal. */
  async generate(named: Named): Promise<void> {
    const title = vscode.l10n.t('Generate Text');
    const [chosen] = await this.checkpoints({ argument: named.argument }, title);
    if (chosen === undefined) return;
    const prompt = await askText({
      title: vscode.l10n.t('Generate with {0} of {1}', chosen.checkpoint.name, chosen.run.name),
      prompt: vscode.l10n.t('The text to continue.'),
      value: '',
      ignoreFocusOut: true,
      problem: (text) => (text === '' ? vscode.l10n.t('Write a text to continue.') : undefined),
    });
    if (prompt === undefined) return;
    const request: ProgramRequest = { kind: 'generate', checkpoints: [chosen.checkpoint.path], prompt };
    await this.run(request, this.deps.workspaces.rootOf(chosen.run));
  }

  /** @returns the file that has the figures; undefined where none was made */
  async evaluate(named: Named): Promise<string | undefined> {
    const chosen = await this.checkpoints(named, vscode.l10n.t('Evaluate'));
    const [first] = chosen;
    if (first === undefined) return undefined;
    const file = await this.text();
    if (file === undefined) return undefined;
    const root = this.deps.workspaces.rootOf(first.run);
    const folder = path.join(root, 'evaluations');
    const output = path.join(folder, await freeName(folder, nameOf(first), '.json'));
    const checkpoints = chosen.map(({ checkpoint }) => checkpoint.path);
    const request: ProgramRequest = { kind: 'evaluate', checkpoints, output, file: file.path };
    if (!(await this.run(request, root, folder))) return undefined;
    const name = vscode.l10n.t('Evaluation of {0}', nameOf(first));
    await this.deps.reports.show(name, output, renderEvaluation(await readFile(output), output));
    return output;
  }

  /** The text to evaluate on: a file's path, or none for what the run held out; undefined when that was given up. */
  private async text(): Promise<{ readonly path: string | undefined } | undefined> {
    const heldOut = {
      label: vscode.l10n.t('What the Run Held Out'),
      icon: 'beaker',
      detail: vscode.l10n.t('The same text as the evaluations during training'),
    };
    const another = {
      label: vscode.l10n.t('A Text File…'),
      icon: 'file',
      detail: vscode.l10n.t('Text, or JSONL with a "text" in each line'),
    };
    const picked = await pick([heldOut, another], {
      title: vscode.l10n.t('Evaluate'),
      placeHolder: vscode.l10n.t('On which text?'),
      ignoreFocusOut: true,
    });
    if (picked !== another) return picked && { path: undefined };
    const [file] = (await vscode.window.showOpenDialog({ openLabel: vscode.l10n.t('Evaluate') })) ?? [];
    return file && { path: file.fsPath };
  }

  private checkpoints(named: Named, title: string): Promise<readonly CheckpointOfRun[]> {
    const notValid = this.deps.validations.notValid();
    const question: CheckpointQuestion = {
      title,
      none: vscode.l10n.t('There is no complete checkpoint.'),
      accepts: (candidate) => candidate.state === 'complete',
      // Where none can be used, the program says of the newest why.
      ofRun: (run) => [newestUsable(run, notValid) ?? newestComplete(run)].filter((newest) => newest !== undefined),
    };
    return chooseCheckpoints(this.deps, named, question);
  }

  /**
   * Runs a program to its end in a terminal; whether it did what was asked. Says what is in the way.
   *
   * @param folder made first: what the program writes goes there
   */
  private async run(request: ProgramRequest, root: string, folder?: string): Promise<boolean> {
    let done = false;
    await needingPython(async () => {
      const { starter, log } = this.deps;
      const made = await makeProgramTask(request, root, starter.supervisor);
      if (typeof made === 'string') {
        void showError(made);
        return;
      }
      if (folder !== undefined && vscode.workspace.isTrusted) await mkdir(folder, { recursive: true });
      log.info(`${request.kind} ${request.checkpoints.join(' ')}`);
      const code = await starter.run(made);
      done = code === 0;
      if (code === undefined || done || ENDED.has(code)) return;
      log.warn(`${request.kind} ${request.checkpoints.join(' ')}: ended with ${code}`);
      void showError(vscode.l10n.t('{0} failed: its terminal says why.', made.task.name));
    });
    return done;
  }
}

/** A file's or folder's name that nothing in a folder has yet. */
async function freeName(folder: string, stem: string, end: string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = `${stem}${number === 1 ? '' : `-${number}`}${end}`;
    if (!(await isThere(path.join(folder, name)))) return name;
  }
}

function nameOf({ run, checkpoint }: CheckpointOfRun): string {
  return `${path.basename(run.path)}-${checkpoint.name.replace(/^checkpoint-/, 'step-')}`;
}
