import assert from 'node:assert/strict';
import { ESLint, Linter } from 'eslint';

/** What the project's configuration says of a file's imports, without its type-checked rules (they need minutes, not milliseconds). */
async function importErrors(file: string, code: string): Promise<string[]> {
  const config = (await new ESLint().calculateConfigForFile(file)) as { rules: Linter.RulesRecord };
  const rule = config.rules['no-restricted-imports'];
  if (rule === undefined) return [];
  const rules: Partial<Linter.RulesRecord> = { 'no-restricted-imports': rule };
  return new Linter().verify(code, { rules }).map((message) => message.message);
}

describe('the lint rules of imports', () => {
  const refused: [string, string][] = [
    ['src/core/torchfile/zip.ts', "import * as vscode from 'vscode';"],
    ['src/core/format.ts', "import { a } from './experiment/model';"],
    ['src/core/torchfile/pickle/pickle.ts', "import { a } from '../../checkpoint/facts';"],
    ['src/core/curriculum/parse.ts', "import { a } from '../arguments/arguments';"],
    ['src/core/arguments/arguments.ts', "import { a } from '../metrics/series';"],
    ['src/core/metrics/log.ts', "import { a } from '../checkpoint/facts';"],
    ['src/core/checkpoint/facts.ts', "import { a } from '../experiment/model';"],
    ['src/core/checkpoint/validate/validate.ts', "import { a } from '../../experiment/model';"],
    ['src/core/experiment/scan.ts', "import { a } from '../training/plan/plan';"],
    ['src/core/training/plan/plan.ts', "import { a } from '../../../features/tree/nodes';"],
    ['src/core/training/plan/plan.ts', "import { a } from '../../assistant/plans';"],
    ['src/core/training/plan/plan.ts', "import * as vscode from 'vscode';"],
    ['src/cli/list.ts', "import * as vscode from 'vscode';"],
    ['src/cli.ts', "import * as vscode from 'vscode';"],
    ['src/protocol/dashboard.ts', "import * as vscode from 'vscode';"],
    ['webview/dashboard/main.ts', "import { a } from '@vscode/webview-ui-toolkit';"],
    ['webview/ui/controls.ts', "import * as vscode from 'vscode';"],
    ['webview/probe/main.ts', "import { a } from '../dashboard/app';"],
    ['webview/probe/main.ts', "import '../dashboard/style.css';"],
    ['webview/charts/axes.ts', "import { a } from '../dashboard/app';"],
    ['webview/dashboard/chart/data.ts', "import { a } from '../../probe/chart';"],
  ];
  for (const [file, code] of refused) {
    it(`refuse in ${file}: ${code}`, async () => {
      assert.equal((await importErrors(file, code)).length, 1);
    });
  }

  const allowed: [string, string][] = [
    ['src/core/experiment/scan.ts', "import { a } from '../checkpoint/facts';"],
    ['src/core/training/plan/plan.ts', "import { a } from '../../experiment/model';"],
    ['src/core/assistant/plans.ts', "import { a } from '../training/plan/plan';"],
    ['src/core/checkpoint/compare/compare.ts', "import { a } from '../../arguments/arguments';"],
    ['src/core/checkpoint/validate/validate.ts', "import { a } from '../facts';"],
    ['src/features/tree/index.ts', "import * as vscode from 'vscode';"],
    ['webview/dashboard/chart/data.ts', "import { a } from '../../charts/axes';"],
  ];
  for (const [file, code] of allowed) {
    it(`allow in ${file}: ${code}`, async () => {
      assert.deepEqual(await importErrors(file, code), []);
    });
  }
});
