/** The language-model tools as an assistant calls them: by name, through VS Code, without a chat. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { eventually } from '../../eventually';
import { callsOf } from '../../../src/platform/toolTexts';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';

const TRAINS_WITHIN_MS = 300_000;
const TOOLS = [
  'list_experiments',
  'get_metrics',
  'validate_checkpoint',
  'compare_runs',
  'plan_resume',
  'start_training',
];

async function ask<T>(tool: string, input: object): Promise<T> {
  const source = new vscode.CancellationTokenSource();
  const { content } = await vscode.lm.invokeTool(
    `npt_${tool}`,
    { input, toolInvocationToken: undefined },
    source.token,
  );
  const [part] = content;
  assert.ok(part instanceof vscode.LanguageModelTextPart, 'an answer is one text');
  return JSON.parse(part.value) as T;
}

interface Listed {
  readonly runs: readonly {
    readonly name: string;
    readonly checkpoints: { readonly count: number };
    readonly verdicts?: Readonly<Record<string, string>>;
  }[];
}
interface Planned {
  readonly kind: string;
  readonly run: string;
  readonly canStart: boolean;
  readonly changes: readonly { readonly argument: string; readonly becomes: string }[];
  readonly startStep: number;
}

describe('the tools of assistants', function () {
  this.timeout(TRAINS_WITHIN_MS + 60_000);
  const folderOf = (name: string): string => path.join(workspaceRoot(), 'experiments', name);
  /** A branch of two steps, which ends by itself. */
  const BRANCH = {
    ...{ run: 'main', checkpoint: '4', kind: 'branch', name: 'asked-for' },
    changes: { max_steps: '6', learning_rate: '2e-4', save_steps: '2' },
  };

  it('are there for assistants, and answer by themselves', async () => {
    await activated();
    // VS Code passes on what a tool says of an input that is none of its own.
    for (const tool of TOOLS) await assert.rejects(ask(tool, { force: true }), /There is no input "force"/, tool);
    // The build of 1.100 that tests run in calls tools, and tells extensions of none, its own included.
    if (vscode.version.startsWith('1.100.')) return;
    // VS Code tells of tools some time after it knows them.
    await eventually('the tools', 60_000, () => {
      const there = new Set(vscode.lm.tools.map(({ name }) => name));
      return TOOLS.every((name) => there.has(`npt_${name}`)) ? there : undefined;
    });
  });

  it('list what there is, in the language of the table', async () => {
    const { runs } = await ask<Listed>('list_experiments', { filter: 'run=main' });
    assert.deepEqual(
      runs.map(({ name }) => name),
      ['main'],
    );
    assert.ok((runs[0]?.checkpoints.count ?? 0) >= 2);
    await assert.rejects(ask('list_experiments', { filter: 'lss<2' }), /Did you mean loss\?/);
  });

  it('read what was logged', async () => {
    const { metrics } = await ask<{ metrics: readonly { metric: string; first: { step: number } }[] }>('get_metrics', {
      run: 'main',
      metrics: ['loss/total'],
      points: 32,
    });
    assert.deepEqual(
      metrics.map(({ metric, first }) => [metric, first.step]),
      [['loss/total', 2]],
    );
  });

  it('validate, and the window knows the verdict', async () => {
    const answer = await ask<{ verdict: string; safeToResume: boolean; path: string }>('validate_checkpoint', {
      run: 'main',
      checkpoint: 'checkpoint-4',
    });
    assert.deepEqual([answer.verdict, answer.safeToResume], ['valid', true]);
    assert.equal(answer.path, path.join(mainRun(), 'checkpoints/checkpoint-4'));
    const { runs } = await ask<Listed>('list_experiments', { filter: 'run=main' });
    assert.equal(runs[0]?.verdicts?.['checkpoint-4'], 'valid (level numbers)');
  });

  it('plan, and start nothing', async () => {
    const api = await activated();
    const plan = await ask<Planned>('plan_resume', BRANCH);
    assert.deepEqual([plan.kind, plan.run, plan.startStep, plan.canStart], ['branch', 'asked-for', 4, true]);
    assert.ok(plan.changes.some(({ argument, becomes }) => argument === 'learning_rate' && becomes === '2e-4'));
    await api.workspaces.rescan('changes');
    assert.equal(api.workspaces.runAt(folderOf('asked-for')), undefined);
  });

  it('refuse in one line what cannot start', async () => {
    await assert.rejects(ask('start_training', { run: 'no-such-run' }), /There is no run “no-such-run”/);
    await assert.rejects(
      ask('start_training', { ...BRANCH, changes: { learning_rate: 'fast' } }),
      /Nothing was started\. learning_rate: /,
    );
    await assert.rejects(ask('start_training', { ...BRANCH, force: true }), /There is no input "force"/);
  });

  it('ask in Markdown in which what is on disk is text', async () => {
    const rows = [['From', '[run](command:npt.stop) $(zap) <b>x</b> `y` **z**\n# w']] as const;
    const calls = callsOf({
      answer: () => Promise.resolve(''),
      confirmation: () => Promise.resolve({ title: 'Start training?', rows }),
    });
    const asked = (await calls.prepare('npt_start_training', {}))?.confirmationMessages;
    assert.equal(asked?.title, 'Start training?');
    assert.ok(asked.message instanceof vscode.MarkdownString);
    const { value, isTrusted, supportHtml } = asked.message;
    assert.match(value, /^- From: \\\[run\\\]\\\(command:npt\.stop\\\) /);
    assert.doesNotMatch(value, /\n|<b>|[^\\][`*#$]/);
    assert.ok(isTrusted !== true && supportHtml !== true);
  });

  it('start nothing in Restricted Mode, where a plan can still be made', async () => {
    const { isTrusted } = vscode.workspace;
    Object.defineProperty(vscode.workspace, 'isTrusted', { configurable: true, get: () => false });
    try {
      const plan = await ask<Planned>('plan_resume', BRANCH);
      assert.equal(plan.canStart, false);
      await assert.rejects(ask('start_training', BRANCH), /Restricted Mode/);
    } finally {
      Object.defineProperty(vscode.workspace, 'isTrusted', { configurable: true, get: () => isTrusted });
    }
  });

  it('start what was confirmed, and compare it with where it came from', async () => {
    const api = await activated();
    const started = await ask<{ started: boolean; run: string }>('start_training', BRANCH);
    assert.deepEqual([started.started, started.run], [true, 'asked-for']);
    await modelShows(api, 'the branch finished', TRAINS_WITHIN_MS, (runs) => {
      const run = runs.find((each) => each.path === folderOf('asked-for'));
      assert.notEqual(run?.state, 'failed', run?.exit?.error ?? '');
      return run?.state === 'finished' ? run : undefined;
    });
    const { parent } = JSON.parse(readFileSync(path.join(folderOf('asked-for'), 'run.json'), 'utf8')) as {
      parent: { run: string; step: number };
    };
    assert.deepEqual([parent.run, parent.step], ['main', 4]);
    const compared = await ask<{
      arguments: { differ: readonly { argument: string; values: readonly unknown[] }[] };
      weights: { summary: string };
    }>('compare_runs', { runs: ['main', 'asked-for'], weights: true });
    const steps = compared.arguments.differ.find(({ argument }) => argument === 'max_steps');
    assert.deepEqual(steps?.values, [5000, 6]);
    assert.match(compared.weights.summary, /differ/);
    // Its name is taken now, so that the same words mean another plan.
    await assert.rejects(ask('start_training', BRANCH), /Nothing was started\. There is already a run named asked-for/);
  });
});
