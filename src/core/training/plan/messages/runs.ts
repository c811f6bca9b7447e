/** Which run is trained: one that trains already, one that becomes a branch, one whose last start saved nothing. */
import path from 'node:path';
import { valueText } from '../../../format';
import { unsavedArguments } from '../unsavedArguments';
import { type Judge, another, change } from './say';

export const judgeTraining: Judge = ({ source, newRun }, { refuse }) => {
  const { run } = source;
  if (newRun || run === null) return;
  const remedies = [
    { kind: 'stop', label: `Stop ${run.name}`, run: run.path } as const,
    another('Branch from it', { kind: 'branch' }),
  ];
  if (run.state === 'queued') {
    const what = run.processState?.detail ?? 'it waits its turn';
    refuse('run-is-queued', `${run.name} is to be trained already (${what}): stop it first, or branch from it.`, {
      remedies,
    });
  }
  if (run.state !== 'training') return;
  const { process, processState } = run;
  const elsewhere = processState?.liveness === 'elsewhere';
  const who =
    process === null ? 'its log is growing' : `process ${process.pid}${elsewhere ? ` on ${process.host}` : ''}`;
  refuse('run-is-training', `${run.name} is being trained right now (${who}): stop it first, or branch from it.`, {
    remedies,
  });
};

/** Training on from an older checkpoint in its own run would bury what came later. */
export const judgeBranching: Judge = ({ request, kind, source, run }, { warn }) => {
  if (kind === request.kind || request.name !== undefined) return;
  const name = path.basename(run);
  if (source.run === null) {
    warn(
      'becomes-branch',
      `${source.name} is not in a run's checkpoints folder: training goes on in the new run ${name}.`,
    );
    return;
  }
  const { newest } = source;
  warn(
    'becomes-branch',
    `${newest?.name ?? 'Another checkpoint'} is newer than ${source.name}: this becomes the new run ${name}, and nothing that came later is lost.`,
    newest === null
      ? {}
      : { remedies: [another(`Go on from ${newest.name} in ${source.run.name}`, { checkpoint: newest.path })] },
  );
};

/** See unsavedArguments(). */
export const judgeUnsaved: Judge = (draft, { warn }) => {
  const unsaved = draft.newRun ? null : unsavedArguments(draft.source);
  if (unsaved === null) return;
  const names = [...unsaved.values.keys()].filter((name) => change(draft, name) === null);
  if (names.length === 0) return;
  const list = names.map((name) => `${name} ${valueText(unsaved.values.get(name))}`).join(', ');
  const { name } = draft.source;
  warn(
    'run-config-differs',
    unsaved.carried
      ? `The run was last started with ${list}, and saved nothing since ${name}: it goes on with that.`
      : `The run was last started with ${list}, and failed: it goes on as ${name} was saved, without that.`,
  );
};
