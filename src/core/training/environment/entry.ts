/** What Check Environment says: an entry a subject, each with what would mend it. */

/** `note`: training works, though not in every way. */
export type Standing = 'good' | 'note' | 'bad';

/** What mends something, for whoever offers it as a button (features/environment/remedies.ts). */
export type Remedy =
  | { readonly kind: 'create-workspace' }
  | { readonly kind: 'choose-interpreter' }
  | { readonly kind: 'make-environment' }
  | { readonly kind: 'install-requirements' }
  | { readonly kind: 'install-package'; readonly name: string }
  | { readonly kind: 'wandb-login' }
  | { readonly kind: 'open-setting'; readonly name: string };

export interface EnvironmentEntry {
  readonly title: string;
  readonly standing: Standing;
  /** One line. */
  readonly text: string;
  readonly remedies: readonly Remedy[];
}

export function entry(title: string, standing: Standing, text: string, ...remedies: Remedy[]): EnvironmentEntry {
  return { title, standing, text, remedies };
}
