/** What a plan's reader has to know before starting it: errors (it would fail) and warnings (it does something to know about). */
import fs from 'node:fs';
import path from 'node:path';
import { sameFrom, stageAt } from '../../curriculum';
import { formatCount, formatValue, valueText } from '../../format';
import { findArgument, type Touched } from '../../arguments/arguments';
import { isNothing, readLayers } from '../../arguments/argumentValues';
import { shownSecrets } from '../launchers';
import type { PlanDraft } from './planDraft';
import type { ArgumentSource, PlanMessage } from './plan';
import { unsavedArguments } from './unsavedArguments';

export interface Judgement {
  readonly warnings: readonly PlanMessage[];
  readonly errors: readonly PlanMessage[];
}

/** `about`: the argument that another value would settle it for, and such a value where there is a natural one. */
type Say = (code: string, message: string, about?: { argument: string; proposal?: string }) => void;

export function judge(draft: PlanDraft): Judgement {
  const warnings: PlanMessage[] = [];
  const errors: PlanMessage[] = [];
  const warn: Say = (code, message, about) => warnings.push({ code, message, ...about });
  const refuse: Say = (code, message, about) => errors.push({ code, message, ...about });
  refuseWhatCannotStart(draft, refuse);
  askAboutStored(draft, refuse);
  warnOfWhatIsOdd(draft, warn);
  warnOfSecrets(draft, warn);
  if (draft.source.path === null) return { warnings, errors };
  refuseWhatDoesNotFit(draft, warn, refuse);
  warnOfBranching(draft, warn);
  warnOfUnsaved(draft, warn);
  warnOfSteps(draft, warn, refuse);
  warnOfCurriculum(draft, warn);
  warnOfChanges(draft, warn);
  warnOfOtherTrainers(draft, warn);
  return { warnings, errors };
}

/** Value of an argument in the plan. */
function value(draft: PlanDraft, name: string): unknown {
  return draft.arguments.find((item) => item.name === name)?.value;
}

function change(draft: PlanDraft, name: string): { value: unknown; previous: unknown } | null {
  const item = draft.arguments.find((candidate) => candidate.name === name);
  return item?.source === 'changed' ? item : null;
}

function numeric(draft: PlanDraft, name: string): number | null {
  const found = value(draft, name);
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}

function refuseWhatCannotStart(draft: PlanDraft, refuse: Say): void {
  const { source, cwd, script, newRun } = draft;
  const { scriptFailure: failure } = draft;
  if (failure !== null) {
    refuse(
      'script-missing',
      failure === 'does not exist'
        ? `There is no training script ${script} in ${cwd}: create a training workspace there, or set npt.trainScript.`
        : `The training script ${path.resolve(cwd, script)} ${failure}.`,
    );
  }
  const training = source.run?.process ?? null;
  if (!newRun && source.run?.state === 'queued') {
    const what = source.run.processState?.detail ?? 'it waits its turn';
    refuse('run-is-queued', `${source.run.name} is to be trained already (${what}): stop it first, or branch from it.`);
  }
  if (!newRun && source.run?.state === 'training') {
    const who =
      training === null
        ? 'its log is growing'
        : `process ${training.pid}${source.run.processState?.liveness === 'elsewhere' ? ` on ${training.host}` : ''}`;
    refuse(
      'run-is-training',
      `${source.run.name} is being trained right now (${who}): stop it first, or branch from it.`,
    );
  }
  for (const { code, message } of draft.launchFailures) refuse(code, message);
  const files = value(draft, 'train_file');
  if (value(draft, 'dataset_preset') === 'custom' && (!Array.isArray(files) || files.length === 0)) {
    refuse('invalid-value', 'dataset_preset custom needs a train_file.', { argument: 'train_file' });
  }
  if (isNothing(value(draft, 'train_layers'))) {
    refuse('missing-value', 'Say which layers are to become NPT layers: train_layers has no default.', {
      argument: 'train_layers',
      proposal: 'upper_half',
    });
  }
  const layers = readLayers(value(draft, 'train_layers'));
  const weights = value(draft, 'layer_weights');
  if (layers !== null && typeof weights === 'string' && weights !== 'uniform' && weights !== 'linear') {
    const count = weights.split(',').length;
    if (count !== layers.length)
      refuse('invalid-value', `layer_weights has ${count} numbers for ${layers.length} layers.`, {
        argument: 'layer_weights',
        proposal: 'uniform',
      });
  }
}

/** Where a value was found, in a message. */
const PLACES: Partial<Record<ArgumentSource, string>> = {
  run: `The run's config.json`,
  preset: 'The preset',
  'command line': 'The original command',
};

/** Stored values that the trainer would refuse: another value has to be given. */
function askAboutStored(draft: PlanDraft, refuse: Say): void {
  const { source } = draft;
  for (const [name, stored] of source.arguments) {
    if (stored.refused === undefined || change(draft, name) !== null) continue;
    const known = findArgument(name)?.default;
    const where = PLACES[stored.source] ?? `The config.json of ${source.name}`;
    refuse('stored-value', `${where} has ${name}: ${stored.refused} Give a value for ${name}.`, {
      argument: name,
      ...(known === null || known === undefined ? {} : { proposal: valueText(known) }),
    });
  }
}

/** A checkpoint fits only the shapes and the base model that it was trained with. */
function refuseWhatDoesNotFit(draft: PlanDraft, warn: Say, refuse: Say): void {
  const { name: checkpoint } = draft.source;
  for (const item of draft.arguments) {
    if (item.source !== 'changed') continue;
    const { effect } = findArgument(item.name)?.onResume ?? {};
    const [before, after] = [valueText(item.previous), valueText(item.value)];
    if (effect === 'shapes') {
      refuse(
        'shape-mismatch',
        `${checkpoint} was trained with ${item.name} ${before}: its tensors cannot fit ${item.name} ${after}.`,
      );
    } else if (item.name === 'model_name' && (isFolder(before, draft) || isFolder(after, draft))) {
      warn(
        'other-base-model',
        `${checkpoint} belongs to model_name ${before}: ${after} has to be the same model, or the trainer refuses to start.`,
      );
    } else if (item.name === 'model_size' && change(draft, 'model_name') !== null) {
      warn('no-effect', `model_size has no effect beside model_name.`);
    } else if (effect === 'base model') {
      refuse('other-base-model', `${checkpoint} belongs to ${item.name} ${before}: it cannot go on with ${after}.`);
    }
  }
  const seed = change(draft, 'seed');
  if (seed !== null && valueText(value(draft, 'model_name')).startsWith('random-')) {
    refuse(
      'other-base-model',
      `The base model of ${checkpoint} was made from seed ${valueText(seed.previous)}: keep it.`,
    );
  }
}

/** A folder may have been moved, or hold what the hub has under a name: only the trainer can tell whether it is the same. */
function isFolder(model: string, { cwd }: PlanDraft): boolean {
  return /^([/~.]|[A-Za-z]:)/.test(model) || fs.existsSync(path.resolve(cwd, model));
}

function warnOfWhatIsOdd(draft: PlanDraft, warn: Say): void {
  const length = numeric(draft, 'max_length');
  const stride = numeric(draft, 'stride');
  if (length !== null && stride !== null && stride > length) {
    warn(
      'stride-above-length',
      `stride ${stride} is above max_length ${length}: the text between samples is left out. With stride ${length} all of it is used.`,
      { argument: 'stride', proposal: String(length) },
    );
  }
}

function warnOfSecrets({ launch }: PlanDraft, warn: Say): void {
  const names = shownSecrets(launch.environment);
  if (names.length === 0) return;
  warn(
    'secret-shown',
    `${names.join(' and ')} in npt.environment.variables can be read by everybody who sees this plan or this machine's processes: put it into the file of npt.environment.envFile.`,
  );
}

function warnOfBranching(draft: PlanDraft, warn: Say): void {
  const { request, kind, source, run } = draft;
  if (kind === request.kind || request.name !== undefined) return;
  if (source.run === null) {
    warn(
      'becomes-branch',
      `${source.name} is not in a run's checkpoints folder: training goes on in the new run ${path.basename(run)}.`,
    );
  } else {
    warn(
      'becomes-branch',
      `${source.newest?.name ?? 'Another checkpoint'} is newer than ${source.name}: this becomes the new run ${path.basename(run)}, and nothing that came later is lost.`,
    );
  }
}

function warnOfSteps(draft: PlanDraft, warn: Say, refuse: Say): void {
  const { source } = draft;
  const maxSteps = numeric(draft, 'max_steps');
  if (maxSteps === null) return;
  if (maxSteps <= source.step) {
    refuse(
      'training-complete',
      `Training already complete: ${source.name} is at step ${formatCount(source.step)} and max_steps is ${formatCount(maxSteps)}. Raise max_steps to continue.`,
    );
    return;
  }
  const changed = change(draft, 'max_steps');
  const end = source.schedule?.endStep ?? (typeof changed?.previous === 'number' ? changed.previous : null);
  const previous = typeof changed?.previous === 'number' ? changed.previous : null;
  if (
    changed !== null &&
    end !== null &&
    maxSteps > end &&
    change(draft, 'learning_rate') === null &&
    !source.translated
  ) {
    warn(
      'schedule-extended',
      `The learning-rate schedule ended at step ${formatCount(end)}: it goes on from its present rate (at least 10 % of the base rate, after a short ramp) to 0 at step ${formatCount(maxSteps)}.`,
    );
  } else if (previous !== null && maxSteps < previous) {
    warn(
      'stops-earlier',
      `Training stops at step ${formatCount(maxSteps)} instead of ${formatCount(previous)}; the learning rate does not reach 0 by then.`,
    );
  }
}

/** See unsavedArguments(). */
function warnOfUnsaved(draft: PlanDraft, warn: Say): void {
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
}

function warnOfCurriculum(draft: PlanDraft, warn: Say): void {
  const { source, curriculum } = draft;
  const changed = change(draft, 'curriculum_stages');
  if (changed === null || curriculum === null || source.curriculum === null) return;
  const before = stageAt(source.curriculum, source.step).stage;
  const after = stageAt(curriculum, source.step).stage;
  if (before.name !== after.name || before.mixingRatio !== after.mixingRatio) {
    const ratio = (stage: typeof after): string => (stage.name === 'mixed' ? ` (ratio ${stage.mixingRatio})` : '');
    warn(
      'stage-changes',
      `At step ${formatCount(source.step)} the stage becomes ${after.name}${ratio(after)}; it was ${before.name}${ratio(before)}. The loss will jump.`,
    );
  } else if (sameFrom(source.curriculum, curriculum, source.step)) {
    warn(
      'curriculum-same',
      `From step ${formatCount(source.step)} on, the new curriculum says the same as the old one.`,
    );
  }
}

function warnOfChanges(draft: PlanDraft, warn: Say): void {
  const { source } = draft;
  const layers = change(draft, 'train_layers');
  if (layers !== null) warn('layers-changed', layerChange(layers.previous, layers.value));

  const rate = change(draft, 'learning_rate');
  if (rate !== null && !source.translated && typeof rate.value === 'number') {
    warn(
      'learning-rate-changed',
      `From step ${formatCount(source.step + 1)} the learning rate is ${formatValue(rate.value)}, then falls as a cosine to 0.`,
    );
  }
  const touching = (touched: Touched): string[] =>
    draft.arguments
      .filter((item) => item.source === 'changed' && acts(draft, item.name, touched))
      .map(({ name }) => name);
  const rounding = touching('rounding');
  if (rounding.length > 0) {
    warn(
      'not-bit-identical',
      `With another ${rounding.join(' and ')} training goes on at the same sample, but not bit-identically.`,
    );
  }
  const data = touching('data');
  if (data.length > 0) {
    warn(
      'data-changes',
      `Another ${data.join(' and ')} means other samples: the stored position in the data no longer applies as it is.${noteText(data)}`,
    );
  }
  const idle = draft.arguments.filter((item) => item.source === 'changed' && isIdle(draft, item.name));
  for (const { name, previous } of idle) {
    warn('no-effect', `${name} has no effect here, ${valueText(previous) || 'none'} stays.${noteText([name])}`);
  }
}

/** Whether a changed argument takes effect, and touches this. */
function acts(draft: PlanDraft, name: string, touched: Touched): boolean {
  const { effect, touches } = findArgument(name)?.onResume ?? { effect: null, touches: [] as readonly Touched[] };
  return effect === 'takes effect' && touches.includes(touched) && !isIdle(draft, name);
}

/** Whether the only case in which an argument takes effect is surely not this one. */
function isIdle(draft: PlanDraft, name: string): boolean {
  const { source, ourTrainer } = draft;
  switch (ourTrainer ? (findArgument(name)?.onResume.when ?? null) : null) {
    case null:
      return false;
    case 'layers are new': {
      const [before, after] = [
        readLayers(source.arguments.get('train_layers')?.value),
        readLayers(value(draft, 'train_layers')),
      ];
      return before !== null && after !== null && after.every((layer) => before.includes(layer));
    }
    case 'schedule restarts from its floor': {
      // A rate that changes makes a schedule without a warm-up; up to the schedule's end nothing restarts.
      const last = numeric(draft, 'max_steps');
      const end = source.schedule?.endStep ?? source.arguments.get('max_steps')?.value;
      return change(draft, 'learning_rate') !== null || (last !== null && typeof end === 'number' && last <= end);
    }
    case 'W&B run is new':
      return !draft.newRun && source.run !== null && fs.existsSync(path.join(source.run.path, 'wandb.json'));
  }
}

/** What else there is to know about arguments, as sentences with a blank in front. */
function noteText(names: readonly string[]): string {
  return names
    .flatMap((name) => findArgument(name)?.onResume.note ?? [])
    .map((note) => ` ${note.charAt(0).toUpperCase()}${note.slice(1)}.`)
    .join('');
}

function layerChange(previous: unknown, next: unknown): string {
  const before = readLayers(previous);
  const after = readLayers(next);
  if (before === null || after === null) {
    return `Layer mismatch: the checkpoint's layers are ${valueText(previous)}, training goes on with ${valueText(next)}; compatible weights are loaded.`;
  }
  const list = (layers: readonly number[]): string => (layers.length === 0 ? 'none' : layers.join(', '));
  return `Layer mismatch: loaded ${list(after.filter((layer) => before.includes(layer)))}; new, untrained ${list(after.filter((layer) => !before.includes(layer)))}; dropped ${list(before.filter((layer) => !after.includes(layer)))}.`;
}

/** Contract section 7: what the two trainers do differently. */
function warnOfOtherTrainers(draft: PlanDraft, warn: Say): void {
  const { source, ourTrainer, newRun } = draft;
  // Our own merge takes each layer's optimizer state along (trainer/npt/checkpoint/merge.py).
  if (source.merged && source.translated) {
    warn('merged', `${source.name} was merged from several runs: its optimizer state does not fit its weights.`);
  }
  if (ourTrainer) {
    if (!source.translated) return;
    warn(
      'other-trainer-checkpoint',
      `${source.name} is another NPT trainer's, whose teacher runs without rotary embeddings and mask: here the teacher differs, and the loss will jump.`,
    );
    return;
  }
  warn(
    'other-trainer-script',
    `The training script of this workspace is another NPT trainer's: its data restarts from the beginning, and its teacher runs without rotary embeddings and mask.`,
  );
  if (!newRun) warn('other-trainer-run', 'That trainer resumes into a run folder of its own, not into this one.');
  if (change(draft, 'learning_rate') !== null)
    warn('other-trainer-learning-rate', 'That trainer ignores learning_rate on a resume.');
  if (change(draft, 'max_steps') !== null)
    warn(
      'other-trainer-schedule',
      'That trainer bends its learning-rate cosine when max_steps changes: the rate jumps.',
    );
}
