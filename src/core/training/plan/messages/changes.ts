/** What changed arguments do when training goes on: which layers, at what rate, on which data, how exactly. */
import { findArgument, type Touched } from '../../../arguments/arguments';
import { readLayers } from '../../../arguments/argumentValues';
import { formatCount, formatValue, valueText } from '../../../format';
import type { PlanDraft } from '../planDraft';
import { type Judge, type Settling, change, numeric, value } from './say';

export const judgeChanges: Judge = (draft, { warn }) => {
  const { source } = draft;
  const layers = change(draft, 'train_layers');
  if (layers !== null) {
    warn('layers-changed', layerChange(layers.previous, layers.value), {
      argument: 'train_layers',
      proposal: valueText(layers.previous),
    });
  }
  const rate = change(draft, 'learning_rate');
  if (rate !== null && !source.translated && typeof rate.value === 'number') {
    warn(
      'learning-rate-changed',
      `From step ${formatCount(source.step + 1)} the learning rate is ${formatValue(rate.value)}, then falls as a cosine to 0.`,
    );
  }
  const rounding = touching(draft, 'rounding');
  if (rounding.length > 0) {
    const samples = samplesChange(draft);
    warn(
      'not-bit-identical',
      `With another ${rounding.join(' and ')} training goes on at the same sample, but not bit-identically.${samples?.text ?? ''}`,
      samples?.settling,
    );
  }
  const data = touching(draft, 'data');
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
};

/** Changed arguments that take effect, and touch this. */
function touching(draft: PlanDraft, touched: Touched): string[] {
  const names = draft.arguments.filter((item) => item.source === 'changed').map(({ name }) => name);
  return names.filter((name) => acts(draft, name, touched));
}

/** How many samples a step has then, where that changes, and the other of the two numbers that would keep it. */
function samplesChange(draft: PlanDraft): { readonly text: string; readonly settling: Settling } | null {
  const [batch, accumulation] = ['batch_size', 'gradient_accumulation_steps'].map((name) => ({
    name,
    now: numeric(draft, name) ?? 1,
    before: Number(change(draft, name)?.previous ?? numeric(draft, name) ?? 1),
  }));
  if (batch === undefined || accumulation === undefined) return null;
  const before = batch.before * accumulation.before;
  const now = batch.now * accumulation.now;
  if (before === now || !Number.isFinite(before)) return null;
  const text = ` A step has ${formatCount(now)} samples then, not ${formatCount(before)}.`;
  const [given, other] = change(draft, 'batch_size') === null ? [accumulation, batch] : [batch, accumulation];
  const kept = before / given.now;
  const settling = Number.isInteger(kept) ? { argument: other.name, proposal: String(kept) } : {};
  return { text, settling };
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
      return !draft.newRun && draft.hasWandbRun;
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
