/** A plan's arguments as a preset of the workspace, under a name that is asked for. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Plan } from '../../core/training/plan/plan';
import { isBuiltIn, PRESETS_FILE } from '../../core/training/plan/presets';
import { presetArguments, PresetError, savePreset as save } from '../../core/training/plan/savePreset';
import { ask, showError, showInformation } from '../../platform/messages';
import { askText } from '../../platform/picks';
import { isUnsaved } from '../../platform/unsaved';

const LONGEST = 60;

export async function savePreset(plan: Plan): Promise<void> {
  const name = await askText({
    title: vscode.l10n.t('Save as Preset'),
    prompt: vscode.l10n.t('Start New Run offers it under this name.'),
    value: '',
    ignoreFocusOut: true,
    problem: (text) => {
      const length = text.trim().length;
      return length > 0 && length <= LONGEST
        ? undefined
        : vscode.l10n.t('Type a name of {0} characters at most.', LONGEST);
    },
    note: (text) =>
      isBuiltIn(text.trim())
        ? vscode.l10n.t('In this workspace it takes the place of the preset {0} that comes along.', text.trim())
        : undefined,
  });
  if (name === undefined) return;
  const preset = name.trim();
  const file = path.join(plan.cwd, PRESETS_FILE);
  if (await isUnsaved(file)) {
    void showError(vscode.l10n.t('{0} has changes that are not saved: save or undo them first.', file));
    return;
  }
  try {
    let replaces: string | null = null;
    for (;;) {
      const there = await save(plan.cwd, preset, presetArguments(plan), replaces);
      if (there === null) break;
      const replace = vscode.l10n.t('Replace');
      const question = vscode.l10n.t('There is a preset {0} already. Replace it?', preset);
      if ((await ask(question, vscode.l10n.t('What it holds now is lost.'), replace)) !== replace) return;
      replaces = there;
    }
  } catch (error) {
    if (!(error instanceof PresetError)) throw error;
    void showError(error.message);
    return;
  }
  void showInformation(vscode.l10n.t('Saved: NPT: Start New Run… offers the preset {0}.', preset));
}
