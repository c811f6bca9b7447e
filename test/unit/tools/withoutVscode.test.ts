import assert from 'node:assert/strict';
import { ESLint, Linter } from 'eslint';

const RULE = 'npt-claims/without-vscode';

/** What the rule says of code, as the project's configuration has it for this file. */
async function errors(code: string, file = 'src/features/tree/rows.ts'): Promise<number> {
  const config = (await new ESLint().calculateConfigForFile(file)) as {
    plugins: Record<string, ESLint.Plugin>;
    rules: Linter.RulesRecord;
  };
  const plugin = config.plugins['npt-claims'];
  const rule = config.rules[RULE];
  assert.ok(plugin && rule, `the rule is not on for ${file}`);
  return new Linter().verify(code, { plugins: { 'npt-claims': plugin }, rules: { [RULE]: rule } }).length;
}

describe('the lint rule of files that claim to need no vscode', () => {
  const claims = ['/** Rows. No vscode here. */', '/**\n * One side, without VS\n * Code: what it is told.\n */'];
  for (const claim of claims) {
    it(`refuses an import after ${JSON.stringify(claim)}`, async () => {
      for (const code of ["import * as vscode from 'vscode';", "export * from 'vscode';", "void import('vscode');"]) {
        assert.equal(await errors(`${claim}\n${code}`), 1, code);
      }
      assert.equal(await errors(`${claim}\nimport a from './vscode';`), 0);
    });
  }

  it('says nothing of others, also where a later comment is about it', async () => {
    assert.equal(await errors("/** A panel. */\nimport * as vscode from 'vscode';\n// No vscode here."), 0);
  });

  it('is on for all of src/', async () => {
    const code = `${claims[0] ?? ''}\nimport * as vscode from 'vscode';`;
    for (const file of ['src/platform/reportShelf.ts', 'src/features/dashboard/session.ts']) {
      assert.equal(await errors(code, file), 1);
    }
  });
});
