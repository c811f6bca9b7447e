/** How a plan's messages are made, and what they are made from. */
import type { PlanMessage, PlanRemedy } from '../plan';
import type { PlanDraft } from '../planDraft';
import type { TrainingRequest } from '../request';

/** What would settle a message: another value of an argument, with such a value where there is a natural one, or a remedy. */
export interface Settling {
  readonly argument?: string;
  readonly proposal?: string;
  readonly remedies?: readonly PlanRemedy[];
}

/** One subject's messages: errors are refused, all else is warned of. */
export interface Say {
  readonly warn: (code: string, message: string, settling?: Settling) => void;
  readonly refuse: (code: string, message: string, settling?: Settling) => void;
}

export type Judge = (draft: PlanDraft, say: Say) => void;

export interface Judgement {
  readonly warnings: readonly PlanMessage[];
  readonly errors: readonly PlanMessage[];
}

/** Value of an argument in the plan. */
export function value(draft: PlanDraft, name: string): unknown {
  return draft.arguments.find((item) => item.name === name)?.value;
}

export function change(draft: PlanDraft, name: string): { value: unknown; previous: unknown } | null {
  const item = draft.arguments.find((candidate) => candidate.name === name);
  return item?.source === 'changed' ? item : null;
}

export function numeric(draft: PlanDraft, name: string): number | null {
  const found = value(draft, name);
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}

/** A remedy that is another plan. */
export function another(label: string, request: Partial<TrainingRequest>): PlanRemedy {
  return { kind: 'plan', label, request };
}

/** Collects what is said. */
export class Said implements Say, Judgement {
  readonly warnings: PlanMessage[] = [];
  readonly errors: PlanMessage[] = [];

  readonly warn = (code: string, message: string, settling?: Settling): void => {
    this.warnings.push({ code, message, ...settling });
  };

  readonly refuse = (code: string, message: string, settling?: Settling): void => {
    this.errors.push({ code, message, ...settling });
  };
}
