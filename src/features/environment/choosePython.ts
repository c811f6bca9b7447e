/** Which interpreter an environment is made with. */
import * as vscode from 'vscode';
import { runProgram } from '../../core/runProgram';
import { pick, type PickRow } from '../../platform/picks';
import { withStatus } from '../../platform/progress';
import { pythonsOnPath } from '../../platform/python';

const ANSWERS_WITHIN_MS = 10_000;

interface PythonRow extends PickRow {
  readonly python?: string;
}

/** The version that an interpreter says it is; undefined where it cannot be asked. */
async function versionOf(python: string): Promise<string | undefined> {
  const { output, errors, code } = await runProgram(python, ['--version'], { limitMs: ANSWERS_WITHIN_MS });
  return code === 0 ? /Python (\d+\.\d+\S*)/.exec(output + errors)?.[1] : undefined;
}

/** Interpreters with which an environment can be made, and a file dialog; undefined where it was given up. */
export async function choosePython(title: string): Promise<string | undefined> {
  const found = await withStatus(
    vscode.l10n.t('Looking for Python…'),
    pythonsOnPath().then((all) =>
      Promise.all(all.map(async (python) => ({ python, version: await versionOf(python) }))),
    ),
  );
  const rows: PythonRow[] = found.flatMap(({ python, version }) =>
    version === undefined ? [] : [{ label: `Python ${version}`, description: python, icon: 'symbol-misc', python }],
  );
  const other: PythonRow = { label: vscode.l10n.t('Choose Another Interpreter…'), icon: 'folder-opened' };
  const picked = await pick([...rows, other], {
    title,
    placeHolder: vscode.l10n.t('Which Python is the environment made with? (3.10 or newer)'),
    matchOnDescription: true,
    ignoreFocusOut: true,
  });
  if (picked !== other) return picked?.python;
  const [file] = (await vscode.window.showOpenDialog({ canSelectMany: false, title })) ?? [];
  return file?.fsPath;
}
