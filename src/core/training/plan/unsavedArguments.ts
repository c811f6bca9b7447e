/** Arguments that only the run's config.json knows, because no checkpoint was saved with them. */
import { isNothing, readLayers } from '../../arguments/argumentValues';
import { valueText } from '../../format';
import { findArgument } from '../../arguments/arguments';
import type { PlanSource } from './planSource';

export interface UnsavedArguments {
  readonly values: ReadonlyMap<string, unknown>;
  /** False after a segment that failed: what it was started with may be why. */
  readonly carried: boolean;
}

/**
 * A segment may have been started with other arguments and have died before it saved anything: only the run's config.json
 * knows them then. Going on means going on with them.
 */
export function unsavedArguments(source: PlanSource): UnsavedArguments | null {
  const last = source.run?.config;
  if (last === null || last === undefined || source.translated) return null;
  const values = new Map<string, unknown>();
  for (const [name, stored] of source.arguments) {
    const value = usable(name, last[name]);
    if (value !== undefined && stored.refused === undefined && !sameValue(name, value, stored.value)) {
      values.set(name, value);
    }
  }
  return values.size === 0 ? null : { values, carried: source.run?.state !== 'failed' };
}

/** A value of the run's config.json, read as a typed one; undefined where there is none that can be used. */
function usable(name: string, value: unknown): unknown {
  const argument = findArgument(name);
  return isNothing(value) || argument?.refusedAsStored(value) !== null ? undefined : argument.readStored(value);
}

/** `2,3` and [2, 3] are the same layers; 5e-5 and 0.00005 the same rate. */
export function sameValue(name: string, a: unknown, b: unknown): boolean {
  if (name === 'train_layers') {
    const left = readLayers(a);
    const right = readLayers(b);
    if (left !== null && right !== null) return left.join() === right.join();
  }
  return valueText(a) === valueText(b);
}
