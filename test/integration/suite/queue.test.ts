import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { Run } from '../../../src/core/experiment/model';
import { readQueue } from '../../../src/core/experiment/queueFiles';
import { eventually } from '../../eventually';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';
import { answering } from './picks';
import { setQueue } from '../../../src/core/training/queue/queue';

const WITHIN_MS = 600_000;

describe('the queue', function () {
  this.timeout(WITHIN_MS + 60_000);

  it('trains three branches one after the other, in the order that they have when it goes on', async () => {
    const api = await activated();
    const main = api.workspaces.runs.find((run) => run.path === mainRun());
    const [checkpoint] = main?.checkpoints ?? [];
    assert.ok(checkpoint);
    // So that all of them wait when the order is changed.
    await setQueue(workspaceRoot(), { paused: true });
    await answering(
      [
        { choose: /^max_steps/ },
        { type: String(checkpoint.step + 2) },
        { choose: /^learning_rate/ },
        { type: '1e-4, 2e-4, 3e-4, 4e-4' },
        { choose: /^Review and start/ },
        { choose: /^Start 4 runs/ },
      ],
      () => vscode.commands.executeCommand('npt.branch', checkpoint.path),
    );
    const inLine = (runs: readonly Run[]): Run[] =>
      runs
        .filter((run) => (run.queue?.position ?? null) !== null)
        .sort((a, b) => (a.queue?.position ?? 0) - (b.queue?.position ?? 0));
    const all = await modelShows(api, 'four runs in the queue', WITHIN_MS, (runs) =>
      inLine(runs).length === 4 ? inLine(runs) : undefined,
    );
    // Stop, as the dashboard offers it, takes out what only waits.
    await vscode.commands.executeCommand('npt.stop', all[3]?.path);
    const queued = await modelShows(api, 'three runs in the queue', WITHIN_MS, (runs) =>
      inLine(runs).length === 3 ? inLine(runs) : undefined,
    );
    assert.ok(!queued.some(({ path: run }) => run === all[3]?.path));
    assert.ok(queued.every(({ state }) => state === 'queued'));
    const [first, second, third] = queued.map((run) => run.path);
    // What the setting says holds for what waits already.
    const slots = async (wanted: number, set: number | undefined): Promise<void> => {
      await vscode.workspace
        .getConfiguration('npt')
        .update('queue.cpuSlots', set, vscode.ConfigurationTarget.Workspace);
      await eventually('the queue’s CPU slots', WITHIN_MS, async () =>
        (await readQueue(workspaceRoot())).cpuSlots === wanted ? true : undefined,
      );
    };
    await slots(3, 3);
    await slots(1, undefined);
    await vscode.commands.executeCommand('npt.queue.moveUp', third);
    const order = [first, third, second];
    await modelShows(api, 'the third before the second', WITHIN_MS, (runs) =>
      inLine(runs)[1]?.path === third ? true : undefined,
    );
    await vscode.commands.executeCommand('npt.queue.resume');
    const finished = await modelShows(api, 'three finished runs', WITHIN_MS, (runs) => {
      const ours = runs.filter((run) => order.includes(run.path));
      assert.ok(!ours.some(({ state }) => state === 'failed'), JSON.stringify(ours.map(({ exit }) => exit)));
      return ours.length === 3 && ours.every(({ state }) => state === 'finished') ? ours : undefined;
    });
    const began = (run: string): number =>
      (JSON.parse(readFileSync(path.join(run, 'run.json'), 'utf8')) as { created: number }).created;
    assert.deepEqual(
      finished.map((run) => run.path).sort((a, b) => began(a) - began(b)),
      order,
    );
    const ended = (run: string): number =>
      (JSON.parse(readFileSync(path.join(run, 'exit.json'), 'utf8')) as { time: number }).time;
    const [a = '', b = '', c = ''] = order;
    assert.ok(ended(a) <= began(b) && ended(b) <= began(c), 'one at a time, on the CPU');
  });
});
