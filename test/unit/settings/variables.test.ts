import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expandPath, type VariableScope } from '../../../src/core/variables';

const scope: VariableScope = {
  workspaceFolder: '/work/project',
  namedFolders: new Map([['data', '/data']]),
  home: '/home/ada',
  env: { SCRATCH: '/scratch/ada', EMPTY: '' },
};

describe('variables in a setting that is a path', () => {
  const cases: [string, string][] = [
    ['experiments', 'experiments'],
    ['  runs/all \t', 'runs/all'],
    ['~', '/home/ada'],
    ['~/runs', '/home/ada/runs'],
    ['~other/runs', '~other/runs'],
    ['a/~/b', 'a/~/b'],
    ['${workspaceFolder}/runs', '/work/project/runs'],
    ['${ workspaceFolder }', '/work/project'],
    ['${workspaceRoot}/runs', '/work/project/runs'],
    ['${workspaceFolder:data}/runs', '/data/runs'],
    ['${workspaceFolder:gone}/runs', '${workspaceFolder:gone}/runs'],
    ['/all/${workspaceFolderBasename}', '/all/project'],
    ['${userHome}/runs', '/home/ada/runs'],
    ['${env:SCRATCH}/runs', '/scratch/ada/runs'],
    ['${env:UNSET}/runs', '/runs'],
    ['a${/}b${pathSeparator}c', 'a/b/c'],
    ['${command:npt.stop}', '${command:npt.stop}'],
    ['${input:x}', '${input:x}'],
    ['${workspaceFolder', '${workspaceFolder'],
    ['../runs', '../runs'],
    ['', ''],
  ];
  for (const [text, expected] of cases) {
    it(`${JSON.stringify(text)} is ${JSON.stringify(expected)}`, () => {
      assert.equal(expandPath(text, scope), expected);
    });
  }

  it('never expands what a variable holds', () => {
    const nested = { ...scope, env: { X: '${env:Y}', Y: 'secret' } };
    assert.equal(expandPath('${env:X}', nested), '${env:Y}');
  });

  it('leaves text without variables alone', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('${') && !text.trim().startsWith('~')),
        (text) => expandPath(text, scope) === text.trim(),
      ),
    );
  });
});
