import assert from 'node:assert/strict';
import path from 'node:path';
import * as vscode from 'vscode';
import type { Run } from '../../../src/core/experiment/model';
import { thisHost } from '../../../src/core/thisHost';
import { GpuMonitor } from '../../../src/core/training/gpus/gpuMonitor';
import type { FeatureDeps } from '../../../src/features/deps';
import * as status from '../../../src/features/status';
import { activated, mainRun, modelShows } from './extension';

const TRAINS_WITHIN_MS = 120_000;

describe('GPUs', function () {
  this.timeout(3 * TRAINS_WITHIN_MS);

  it('the status bar says how much of its GPUs a run that trains here uses, until it has ended', async () => {
    const api = await activated();
    const [known] = api.workspaces.runs;
    assert.ok(known);
    const named = {
      ...{ host: thisHost().name, bootId: '', pid: process.pid, started: 1, startTicks: 1 },
      ...{ launcher: 'local', job: null, segment: 1 },
    };
    let run: Run = { ...known, name: 'on-a-gpu', state: 'training', step: 7, maxSteps: 90, process: named };
    let others: readonly Run[] = [];
    const gpu = {
      ...{ uuid: 'GPU-1', index: '0', name: 'NVIDIA H100', memoryBytes: 85.5e9, usedBytes: 61.2e9, utilisation: 0.87 },
      processes: [{ pid: process.pid, memoryBytes: 60e9 }],
    };
    const gpus = new GpuMonitor(() => Promise.resolve({ gpus: [gpu], available: true, problem: null }));
    const changed = new vscode.EventEmitter<void>();
    const shown: string[] = [];
    const { createStatusBarItem } = vscode.window;
    const said = new Promise<string>((resolve) => {
      vscode.window.createStatusBarItem = (): vscode.StatusBarItem => {
        const item = { show: () => shown.push(text), hide: () => shown.push(''), dispose: () => undefined };
        let text = '';
        return Object.defineProperty(item, 'text', {
          set: (given: string) => {
            text = given;
            if (given.includes('GPU')) resolve(given);
          },
        }) as unknown as vscode.StatusBarItem;
      };
    });
    const context = { subscriptions: [] as vscode.Disposable[] };
    try {
      const workspaces = {
        get runs() {
          return [run, ...others];
        },
        onDidChange: changed.event,
      };
      const deps = { workspaces, gpus } as unknown as FeatureDeps;
      status.register(context as unknown as vscode.ExtensionContext, deps);
      assert.match(await said, /on-a-gpu · 7\/90 .*· GPU 61\.2 \/ 85\.5 GB · 87 %$/);
      others = [{ ...run, name: 'another', path: '/another' }];
      changed.fire();
      assert.match(shown.at(-1) ?? '', /2 training · on-a-gpu · 7\/90 .*· GPU /);
      others = [];
      run = { ...run, state: 'stopped' };
      changed.fire();
      assert.equal(shown.at(-1), '');
    } finally {
      vscode.window.createStatusBarItem = createStatusBarItem;
      for (const each of context.subscriptions) each.dispose();
      changed.dispose();
      gpus.dispose();
    }
  });

  it('Resume, which asks nothing, starts on the one that is free', async () => {
    const api = await activated();
    const { PATH, NPT_TEST_NVIDIA_SMI, CUDA_VISIBLE_DEVICES } = process.env;
    const machine = path.join(__dirname, '../../test/fixtures/nvidia-smi');
    const state = (wanted: Run['state']): Promise<true> =>
      modelShows(api, `main as ${wanted}`, TRAINS_WITHIN_MS, (runs) =>
        runs.find((each) => each.path === mainRun())?.state === wanted ? true : undefined,
      );
    const started = new Promise<vscode.Task>((resolve) => {
      const listener = vscode.tasks.onDidStartTask(({ execution }) => {
        if (execution.task.definition.type !== 'npt') return;
        listener.dispose();
        resolve(execution.task);
      });
    });
    try {
      process.env.PATH = `${machine}:${PATH ?? ''}`;
      process.env.NPT_TEST_NVIDIA_SMI = path.join(machine, 'two-gpus.json');
      delete process.env.CUDA_VISIBLE_DEVICES;
      await vscode.commands.executeCommand('npt.resume', mainRun());
      const { execution } = await started;
      assert.ok(execution instanceof vscode.ProcessExecution);
      const free = 'CUDA_VISIBLE_DEVICES=GPU-bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb';
      assert.ok(execution.args.includes(free), execution.args.join(' '));
      await state('training');
    } finally {
      for (const [name, value] of Object.entries({ PATH, NPT_TEST_NVIDIA_SMI, CUDA_VISIBLE_DEVICES })) {
        if (value === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = value;
      }
    }
    await vscode.commands.executeCommand('npt.stop', mainRun());
    await state('stopped');
  });
});
