/**
 * Rows of the tree can be dragged out of it: into a terminal, and with Shift into an editor's text, as their paths.
 *
 * A terminal asks nobody for what is dragged: it takes what the row's own address says. VS Code takes that away from whoever
 * declares `text/uri-list`, so it is given and not declared.
 */
import * as vscode from 'vscode';

const SCHEME = 'npt-row';

/**
 * A row's address. Of a scheme of its own: as a file, Git would paint the rows of runs that it ignores, which are most, and other
 * extensions would mark them, too.
 */
export function rowAddress(path: string): vscode.Uri {
  return vscode.Uri.file(path).with({ scheme: SCHEME });
}

/** VS Code drags only what is of a file system that it knows; nothing is ever read of this one. */
export function knowRowAddresses(): vscode.Disposable {
  const nothing = (): never => {
    throw new Error(SCHEME);
  };
  const never = (): vscode.Disposable => new vscode.Disposable(() => undefined);
  return vscode.workspace.registerFileSystemProvider(SCHEME, {
    onDidChangeFile: never,
    watch: never,
    stat: nothing,
    readDirectory: nothing,
    createDirectory: nothing,
    readFile: nothing,
    writeFile: nothing,
    delete: nothing,
    rename: nothing,
  });
}

export const DRAG_OUT: vscode.TreeDragAndDropController<{ readonly path: string }> = {
  dragMimeTypes: ['text/plain'],
  dropMimeTypes: [],
  handleDrag: (nodes, data) => {
    for (const [type, textOf] of [
      ['text/uri-list', (path: string) => vscode.Uri.file(path)],
      ['text/plain', (path: string) => path],
    ] as const) {
      data.set(type, new vscode.DataTransferItem(nodes.map(({ path }) => textOf(path)).join('\r\n')));
    }
  },
};
