/** `list`: the runs of a workspace and their checkpoints. */
import { allCheckpoints } from '../core/experiment/checkpoints';
import type { Run } from '../core/experiment/model';
import { scanKeptWorkspace } from '../core/experiment/scanKept';
import { askProcess } from '../core/training/launchers';
import { formatAge, formatBytes, formatCount } from '../core/format';
import type { Command } from './options';
import { SUMMARIES } from './summaries';
import { printable, table } from './table';
import { EXPERIMENTS_OPTION, namedWorkspace } from './workspace';

export const listCommand: Command = {
  ...SUMMARIES.list,
  details: [
    'The workspace is the folder that holds experiments/; the current folder unless given.',
    'Finished checkpoints in whose folders nothing came or went are listed as they were last found (kept in the cache folder).',
  ],
  positionals: { least: 0, most: 1 },
  options: {
    experiments: EXPERIMENTS_OPTION,
    fresh: { type: 'boolean', description: 'Look at each file of each checkpoint anew.' },
  },
  async run(invocation) {
    const { root, experimentsFolder } = await namedWorkspace(invocation);
    const look = invocation.is('fresh') ? 'everything' : 'folders';
    const workspace = await scanKeptWorkspace(root, { experimentsFolder, ask: askProcess, look });
    const document = { runs: workspace.runs.map(runDocument), problems: workspace.problems };
    const text = [
      ...(workspace.runs.length === 0 ? [`No runs in ${workspace.experiments}.`] : workspace.runs.map(runText)),
      ...workspace.problems.map((p) => printable(`! ${p.path}: ${p.message}`)),
    ].join('\n');
    return { document, text, yes: true };
  },
};

function runDocument(run: Run): object {
  return {
    name: run.name,
    id: run.id,
    path: run.path,
    state: run.state,
    step: run.step,
    maxSteps: run.maxSteps,
    stage: run.stage,
    parent: run.parent === null ? null : { id: run.parent.id, run: run.parent.run, step: run.parent.step },
    checkpoints: allCheckpoints(run).map(({ name, path: at, step, state, stage, bytes, time, best, pinned }) => ({
      name,
      path: at,
      step,
      state,
      stage,
      bytes,
      time,
      best,
      pinned,
    })),
  };
}

function runText(run: Run): string {
  const of = run.maxSteps === null ? '' : ` of ${formatCount(run.maxSteps)}`;
  const job = run.state === 'queued' || run.state === 'training' ? (run.processState?.detail ?? '') : '';
  const facts = [run.state, `step ${formatCount(run.step)}${of}`, run.stage ?? '', job].filter((fact) => fact !== '');
  const parent = run.parent === null ? '' : `, branched from ${run.parent.run} at ${formatCount(run.parent.step)}`;
  const now = Date.now() / 1000;
  const rows = allCheckpoints(run).map((checkpoint) => [
    `  ${checkpoint.name}`,
    formatCount(checkpoint.step),
    checkpoint.stage ?? '',
    formatBytes(checkpoint.bytes),
    formatAge(checkpoint.time, now),
    [
      checkpoint.state === 'complete' ? '' : `${checkpoint.state}: ${checkpoint.stateReason ?? ''}`,
      checkpoint.best ? 'best' : '',
      checkpoint.pinned ? 'pinned' : '',
      checkpoint.backup === undefined ? '' : 'backed up',
    ]
      .filter((flag) => flag !== '')
      .join(', '),
  ]);
  const head = printable(`${run.name}: ${facts.join(', ')}${parent}`);
  return rows.length === 0 ? head : `${head}\n${table(rows)}`;
}
