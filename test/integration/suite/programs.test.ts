import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, mainRun, workspaceRoot } from './extension';
import { answering } from './picks';
import { inFront } from './terminal';

/** Starting Python with torch and transformers, on a machine that does other things. */
const ENDS_WITHIN_MS = 300_000;

/** Waits for a tab whose label has a text; the suite's limit ends what never comes. */
async function tabShown(text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = (): void => {
      const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
      if (!tabs.some(({ label }) => label.includes(text))) return;
      listener.dispose();
      resolve();
    };
    const listener = vscode.window.tabGroups.onDidChangeTabs(look);
    look();
  });
}

describe('programs on checkpoints', function () {
  this.timeout(2 * ENDS_WITHIN_MS);

  const checkpoint = (): string => path.join(mainRun(), 'checkpoints/checkpoint-8');
  const made = ['exports', 'evaluations'].map((name) => () => path.join(workspaceRoot(), name));
  before(activated);
  after(() => {
    for (const folder of made) rmSync(folder(), { recursive: true, force: true });
  });

  it('exports a checkpoint as a model, shows its card, and does not write over anything', async () => {
    const folder = path.join(workspaceRoot(), 'exports', 'my ${env:HOME} model');
    const written = await answering(
      [
        {
          type: folder,
          refuses: [
            [mainRun(), /is already there/],
            [' ', /Write the path of a folder/],
          ],
        },
      ],
      () => vscode.commands.executeCommand<string | undefined>('npt.export', checkpoint()),
    );
    assert.equal(written, folder);
    const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual(config.architectures, ['NPTForCausalLM']);
    assert.ok(existsSync(path.join(folder, 'model.safetensors')) && existsSync(path.join(folder, 'modeling_npt.py')));
    assert.match(readFileSync(path.join(folder, 'README.md'), 'utf8'), /\| checkpoint \| checkpoint-8 \|/);
    assert.deepEqual(readdirSync(path.dirname(folder)), [path.basename(folder)], 'nothing else is left');
    await tabShown('README.md');
  });

  it('generates text that goes on from a prompt, in its terminal', async () => {
    await answering([{ type: 'It was a "dark" $HOME night', refuses: [['', /Write a text to continue/]] }], () =>
      vscode.commands.executeCommand('npt.generate', checkpoint()),
    );
    // The demo's model is a random one: of what it makes up, only that it is there can be said.
    await inFront(/It was a "dark" \$HOME night.{20}/);
  });

  it('evaluates a checkpoint on what its run held out, and shows the figures', async () => {
    const file = await answering([{ choose: /^What the Run Held Out/ }], () =>
      vscode.commands.executeCommand<string | undefined>('npt.evaluate', checkpoint()),
    );
    assert.equal(file, path.join(workspaceRoot(), 'evaluations', 'main-step-8.json'));
    const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: { step: number; kl: number }[] };
    assert.equal(results[0]?.step, 8);
    assert.ok(results[0].kl > 0);
    await tabShown('Evaluation of main-step-8');
  });
});
