/** Tags, stars and notes of runs: notes.md as people and commands write it, and what the model says of it. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { NptApi } from '../../../src/extension';
import { activated, mainRun, modelShows } from './extension';
import { answering } from './picks';
import { typeBefore } from './typing';

const MODEL_MS = 120_000;

describe('tags and notes', () => {
  let api: NptApi;
  const file = (): string => path.join(mainRun(), 'notes.md');
  const saved = (): string => readFileSync(file(), 'utf8');

  before(async () => {
    api = await activated();
  });
  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(file(), { force: true });
    await modelShows(api, 'no notes', MODEL_MS, (runs) => {
      const run = runs.find((each) => each.path === mainRun());
      return run !== undefined && run.notes === undefined ? run : undefined;
    });
  });

  async function showsTags(...tags: string[]): Promise<void> {
    await modelShows(api, `the tags ${tags.join(', ')}`, MODEL_MS, (runs) => {
      const notes = runs.find((run) => run.path === mainRun())?.notes;
      return notes !== undefined && JSON.stringify(notes.tags) === JSON.stringify(tags) ? notes : undefined;
    });
  }

  it('are given and taken away by commands, and what people wrote stays', async () => {
    writeFileSync(file(), '# A good start\n');
    await modelShows(api, 'the notes', MODEL_MS, (runs) =>
      runs.find((run) => run.path === mainRun() && run.notes?.summary === 'A good start'),
    );
    await answering([{ type: 'base line' }], () => vscode.commands.executeCommand('npt.tagRuns', mainRun()));
    assert.equal(saved(), '---\ntags: ["base line"]\n---\n# A good start\n');
    await vscode.commands.executeCommand('npt.starRuns', mainRun());
    await showsTags('base line', 'star');
    await vscode.commands.executeCommand('npt.unstarRuns', mainRun());
    await showsTags('base line');
  });

  it('are seen as soon as somebody saves them', async () => {
    await vscode.commands.executeCommand('npt.editNotes', mainRun());
    const editor = vscode.window.activeTextEditor;
    assert.equal(editor?.document.uri.fsPath, file());
    await typeBefore(editor, '', '---\ntags: [keep]\n---\nLooks stable.\n');
    await editor.document.save();
    await showsTags('keep');
  });

  it('are not changed behind the back of an editor', async () => {
    await vscode.commands.executeCommand('npt.editNotes', mainRun());
    const editor = vscode.window.activeTextEditor;
    assert.ok(editor);
    await typeBefore(editor, '', 'Half a sentence');
    await vscode.commands.executeCommand('npt.starRuns', mainRun());
    assert.deepEqual([saved(), editor.document.getText()], ['', 'Half a sentence']);
    await vscode.commands.executeCommand('workbench.action.files.revert');
  });
});
