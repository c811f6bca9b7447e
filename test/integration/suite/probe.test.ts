import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { ProbeMessage } from '../../../src/protocol/probe';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';

const probe = async (argument: unknown): Promise<ProbeMessage | undefined> =>
  vscode.commands.executeCommand<ProbeMessage | undefined>('npt.probeRun', argument);

function pages(): vscode.Tab[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter(({ input }) => input instanceof vscode.TabInputWebview && input.viewType.endsWith('npt.probe'));
}

describe('NPT: Probe Run', () => {
  const empty = (): string => path.join(workspaceRoot(), 'experiments/nothing-yet');

  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(empty(), { recursive: true, force: true });
  });

  it('measures at every checkpoint the similarity that the trainer logged there, to 1e-5', async () => {
    await activated();
    const found = await probe(mainRun());
    assert.ok(found);
    assert.equal(found.input, 'probe.pt');
    assert.ok(found.checkpoints.length >= 2);
    for (const [index, checkpoint] of found.checkpoints.entries()) {
      const manifest = JSON.parse(
        readFileSync(path.join(mainRun(), 'checkpoints', checkpoint.name, 'manifest.json'), 'utf8'),
      ) as { metrics: Record<string, number> };
      assert.deepEqual(
        checkpoint.layers.map(({ layer }) => layer),
        [2, 3],
      );
      for (const layer of checkpoint.layers) {
        const logged = manifest.metrics[`probe/v_a_attention_similarity/layer_${layer.layer}`];
        assert.ok(logged !== undefined && layer.similarity !== null);
        assert.ok(Math.abs(logged - layer.similarity) <= 1e-5, `${checkpoint.name}: ${logged}, ${layer.similarity}`);
        assert.ok((layer.vANorm ?? 0) > 0 && (layer.vBNorm ?? 0) > 0 && layer.nonFinite === 0);
        assert.ok((layer.effectiveRank ?? 0) > 1);
        assert.ok(index === 0 ? layer.drift === null : (layer.drift ?? 0) > 0);
      }
    }
    assert.ok((found.largestDifference ?? 1) <= 1e-5);
  });

  it('shows them in one tab for each run, also when probed again', async () => {
    await activated();
    await probe(mainRun());
    await probe(path.join(mainRun(), 'checkpoints/checkpoint-8'));
    const deadline = Date.now() + 120_000;
    while (pages()[0]?.label !== 'Probe of main' && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(
      pages().map(({ label }) => label),
      ['Probe of main'],
    );
  });

  it('opens nothing for a run without a complete checkpoint, and for a path that is no run', async () => {
    const api = await activated();
    mkdirSync(empty(), { recursive: true });
    writeFileSync(path.join(empty(), 'run.json'), JSON.stringify({ schema: 1, id: 'nothing-yet', created: 1 }));
    await modelShows(api, 'the empty run', 120_000, (runs) =>
      runs.some(({ path: each }) => each === empty()) ? true : undefined,
    );
    assert.equal(await probe(empty()), undefined);
    assert.equal(await probe(path.join(workspaceRoot(), 'no-such-run')), undefined);
    assert.deepEqual(pages(), []);
  });
});
