/** Which plans a person has been shown, so that what is started is what they agreed to. */
import type { Plan } from '../training/plan/plan';
import { fingerprintOf } from './plans';

/** Plans that were shown and neither started nor given up; each is small. */
const MOST = 20;

export class ShownPlans {
  /** Fingerprints by what was asked for, the oldest first. */
  private readonly shown = new Map<string, string>();

  /** @param input what the plan was asked for with: VS Code hands the same to the start, but for what the person changes in it */
  show(input: object, plan: Plan): void {
    const key = keyOf(input);
    this.shown.delete(key);
    this.shown.set(key, fingerprintOf(plan));
    const [oldest] = this.shown.keys();
    if (this.shown.size > MOST && oldest !== undefined) this.shown.delete(oldest);
  }

  /**
   * Whether this plan, made again for the start, is the one that was shown. Asked once: one answer of a person's is one start.
   */
  take(input: object, plan: Plan): 'shown' | 'changed' | 'unseen' {
    const key = keyOf(input);
    const shown = this.shown.get(key);
    this.shown.delete(key);
    if (shown === undefined) return 'unseen';
    return shown === fingerprintOf(plan) ? 'shown' : 'changed';
  }
}

/** The same for the same input, in whatever order its fields are. */
function keyOf(input: object): string {
  return JSON.stringify(sorted(input));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => [name, sorted(each)]);
}
