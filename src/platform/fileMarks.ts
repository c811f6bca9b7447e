/** What files and folders have beside their names in VS Code's explorer and in editors' tabs: a letter, a colour, a line. */
import * as vscode from 'vscode';
import { plainText } from '../core/plainText';

/** @property color one of the theme's colours of charts, such as `green` */
export interface FileMark {
  /** One or two characters. */
  readonly badge: string;
  readonly tooltip: string;
  readonly color: string;
}

/** Shows a mark at each file for which there is one. @param changed tells of files whose marks may be others now */
export function showFileMarks(
  markOf: (file: string) => FileMark | undefined,
  changed: vscode.Event<vscode.Uri[]>,
): vscode.Disposable {
  return vscode.window.registerFileDecorationProvider({
    onDidChangeFileDecorations: changed,
    provideFileDecoration: ({ scheme, fsPath }) => {
      const mark = scheme === 'file' ? markOf(fsPath) : undefined;
      return (
        mark &&
        new vscode.FileDecoration(mark.badge, plainText(mark.tooltip), new vscode.ThemeColor(`charts.${mark.color}`))
      );
    },
  });
}
