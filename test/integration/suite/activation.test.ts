import assert from 'node:assert/strict';
import * as vscode from 'vscode';

describe('x', () => {
  it('a', () => {
    assert.ok(vscode.workspace.workspaceFolders?.length);
  });
});
