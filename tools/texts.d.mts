export interface Text {
  /** Relative to the clone. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly kind: 'package' | 'l10n' | 'code';
  /** With `{0}` where something is put in. */
  readonly text: string;
}

/** Texts in a TypeScript source. */
export function typescriptTexts(file: string, source: string): Text[];

/** Every text of the product that a person may read. */
export function allTexts(): Text[];
