import assert from 'node:assert/strict';
import { typescriptTexts } from '../../../tools/texts.mjs';

describe('the list of texts', () => {
  it('has literals and templates with their holes, and leaves out code', () => {
    const source = [
      "import { a } from './some/where';",
      "const id = 'npt.experiments';",
      "const title = vscode.l10n.t('{0} is not training.', run.name);",
      'const one = `${name} has ${count} records that`;',
      "const word = 'Stopped';",
    ].join('\n');
    assert.deepEqual(typescriptTexts('x.ts', source), [
      { file: 'x.ts', line: 3, kind: 'l10n', text: '{0} is not training.' },
      { file: 'x.ts', line: 4, kind: 'code', text: '{0} has {1} records that' },
      { file: 'x.ts', line: 5, kind: 'code', text: 'Stopped' },
    ]);
  });
});
