import assert from 'node:assert/strict';
import { ESLint, Linter } from 'eslint';
import tseslint from 'typescript-eslint';

/** What the rule says of a file as the project's configuration applies it, without the type-checked rules. */
async function refusals(file: string, body: string): Promise<string[]> {
  const config = (await new ESLint().calculateConfigForFile(file)) as {
    plugins: { npt: ESLint.Plugin };
    rules: Linter.RulesRecord;
  };
  const rule = config.rules['npt/text-door'];
  if (rule === undefined) return [];
  const code =
    body.includes('import') || body.includes('require') ? body : `import * as vscode from 'vscode';\n${body}`;
  return new Linter()
    .verify(
      code,
      [
        {
          files: ['**/*.ts'],
          plugins: { npt: config.plugins.npt },
          rules: { 'npt/text-door': rule },
          languageOptions: { parser: tseslint.parser },
        },
      ],
      file,
    )
    .map((message) => message.message);
}

describe('the lint rule of texts that VS Code interprets', () => {
  const refused = [
    'void vscode.window.showInformationMessage(run.name);',
    'void vscode.window.showErrorMessage(error.message);',
    'void vscode.window.withProgress({ title: run.name }, work);',
    'void vscode.window.showQuickPick([run.name]);',
    'const pick = vscode.window.createQuickPick();',
    'void vscode.window.showInputBox({ prompt: run.name });',
    'const item = vscode.window.createStatusBarItem();',
    'vscode.window.setStatusBarMessage(`$(sync) ${run.name}`);',
    'const panel = vscode.window.createWebviewPanel(type, run.name, 1);',
    'const terminal = vscode.window.createTerminal(run.name);',
    'const channel = vscode.window.createOutputChannel(run.name);',
    'vscode.window.anApiOfTomorrow(run.name);',
    'const text = new vscode.MarkdownString(run.name);',
    'const item = new vscode.TreeItem(run.name);',
    'const execution = new vscode.ProcessExecution(python, [run.path]);',
    'const task = new vscode.Task(definition, scope, run.name, source);',
    'const made = make(vscode.MarkdownString);',
    'const all = vscode.languages.createDiagnosticCollection();',
    "void vscode.commands.executeCommand('vscode.diff', left, right, run.name);",
    'const text = vscode.l10n.t(run.name);',
    'const text = vscode.l10n.t(`in ${run.name}`);',
    'panel.title = run.name;',
    'view.message = problem.message;',
    'item.tooltip = run.name;',
    'webview.html = run.name;',
    'const { window } = vscode;',
    'const { showErrorMessage } = vscode.window;',
    "void vscode['window'].showErrorMessage(run.name);",
    "void vscode.window['showErrorMessage'](run.name);",
    'const w = vscode.window;',
    'use(vscode);',
    "import { window } from 'vscode';",
    "const vscode = require('vscode');",
  ];
  for (const code of refused) {
    it(`refuses in a feature: ${code}`, async () => {
      assert.equal((await refusals('src/features/tree/index.ts', code)).length, 1);
    });
  }
  it('refuses it in the entry point and in platform, too', async () => {
    for (const file of ['src/extension.ts', 'src/platform/workspaces.ts'])
      assert.equal((await refusals(file, 'void vscode.window.showErrorMessage(run.name);')).length, 1, file);
  });

  const allowed = [
    "const text = vscode.l10n.t('{0} is not training.', run.name);",
    'void showError(run.name);',
    'const view = vscode.window.createTreeView(id, options);',
    'let item: vscode.TreeItem;',
    'this.message = text;',
    "void vscode.commands.executeCommand('npt.openDashboard', run.path);",
    "import type { TreeItem } from 'vscode';",
  ];
  for (const code of allowed) {
    it(`allows in a feature: ${code}`, async () => {
      assert.deepEqual(await refusals('src/features/tree/index.ts', code), []);
    });
  }
});
