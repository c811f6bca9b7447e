/** Runs and checkpoints in VS Code's own explorer: what trains or failed, what is broken, the best, or pinned. */
import * as vscode from 'vscode';
import { checkpointIn } from '../../core/experiment/checkpoints';
import { showFileMarks, type FileMark } from '../../platform/fileMarks';
import type { FeatureDeps } from '../deps';

/** One object each, by which a change is seen. */
const MARKS: Readonly<Record<string, FileMark>> = {
  training: { badge: '▶', tooltip: vscode.l10n.t('training'), color: 'green' },
  failed: { badge: '!', tooltip: vscode.l10n.t('failed'), color: 'red' },
  broken: { badge: '!', tooltip: vscode.l10n.t('broken'), color: 'red' },
  best: { badge: '★', tooltip: vscode.l10n.t('best'), color: 'yellow' },
  pinned: { badge: 'P', tooltip: vscode.l10n.t('pinned'), color: 'blue' },
};

/** VS Code asks for what it shows; of what it was told, what is another by now is told anew. */
export function markFiles({ workspaces }: FeatureDeps): vscode.Disposable {
  const told = new Map<string, FileMark | undefined>();
  const markOf = (file: string): FileMark | undefined => {
    const run = workspaces.runAt(file);
    if (run === undefined) return undefined;
    if (run.path === file) return MARKS[run.state];
    const { state, best, pinned } = checkpointIn(run, file) ?? {};
    // A broken best one is broken.
    return MARKS[state === 'broken' ? state : best ? 'best' : pinned ? 'pinned' : ''];
  };
  const changed = new vscode.EventEmitter<vscode.Uri[]>();
  const marks = showFileMarks((file) => {
    const mark = markOf(file);
    told.set(file, mark);
    return mark;
  }, changed.event);
  const listener = workspaces.onDidChange(() => {
    const others = [...told].filter(([file, mark]) => markOf(file) !== mark);
    if (others.length > 0) changed.fire(others.map(([file]) => vscode.Uri.file(file)));
  });
  return vscode.Disposable.from(marks, listener, changed);
}
