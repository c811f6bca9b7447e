/** What validation says of a checkpoint (contract section 8): plain data, the same for the tree, the report and the CLI. */

/** How deep a validation looks; each level includes the ones before it. */
export const LEVELS = ['files', 'structure', 'checksums', 'numbers', 'forward'] as const;
export type Level = (typeof LEVELS)[number];

export type Severity = 'error' | 'warning' | 'info';

/** One thing that validation noticed. `code` is stable: scripts and docs/findings.md refer to it. */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  /** The file's name inside the checkpoint; null when the finding is about the whole folder. */
  readonly file: string | null;
  /** One sentence for a person: what is wrong, and where. */
  readonly message: string;
  /** What to do about it, when there is something to do. */
  readonly advice?: string;
}

/**
 * valid: a resume works. incomplete: files are missing, or being written. invalid: damaged, inconsistent or non-finite.
 * dangerous: loading it in Python would run code. unverifiable: encrypted, another kind of archive, not a torch file.
 */
export type Verdict = 'valid' | 'incomplete' | 'invalid' | 'dangerous' | 'unverifiable';

export type Modulation = 'single' | 'dual' | 'triple';

export interface ReportedFile {
  readonly name: string;
  readonly bytes: number;
  /** "torch zip", "torch legacy", "pickle", "json" or what else it turned out to be. */
  readonly format: string;
}

/** What one projection and rank of a layer's component gives on the input. */
export interface ProbedPart {
  /** '' is the gate of a single modulation. */
  readonly projection: '' | 'gate' | 'up' | 'down';
  readonly rank: number;
  /** Mean length of v_a and of v_b over the tokens. */
  readonly vANorm: number;
  readonly vBNorm: number;
  /** Outputs that are NaN or infinite. */
  readonly nonFinite: number;
  /** Mean over tokens of cos(v_a, a); null where v_a is not as wide as a. */
  readonly similarity: number | null;
}

export interface ProbedLayer {
  readonly layer: number;
  readonly input: 'probe.pt' | 'fixed';
  readonly tokens: number;
  /** The weights were mapped out of the file, not copied. */
  readonly mapped: boolean;
  /** Of the gate's first rank (effectiveRank.ts); null where that is missing or not finite. */
  readonly effectiveRank: number | null;
  readonly parts: readonly ProbedPart[];
}

/** Where the learning rate's schedule stands. All in optimizer steps. */
export interface SchedulerFacts {
  readonly position: number | null;
  readonly baseRate: number | null;
  /** Null where the file does not tell: other trainers' schedules are functions that are not stored. */
  readonly warmUpUntil: number | null;
  readonly end: number | null;
}

export interface OptimizerFacts {
  /** Such as AdamW; null when its state does not tell. */
  readonly kind: string | null;
  /** Tensors that have state. */
  readonly parameters: number;
  /** Steps that the parameters have made; fewer in layers that joined later. Null before the first. */
  readonly steps: { readonly least: number; readonly most: number } | null;
  /** As stored with the first group: the one that the last step used, or the next will. */
  readonly learningRate: number | null;
  /** `settings`: lr, betas, eps, weight_decay and whatever else the group has. */
  readonly groups: readonly { readonly parameters: number; readonly settings: Readonly<Record<string, unknown>> }[];
  readonly scheduler: SchedulerFacts | null;
  /** The loss scaler's state; null without one. */
  readonly scaler: Readonly<Record<string, unknown>> | null;
}

export interface ValidationReport {
  readonly path: string;
  readonly level: Level;
  readonly verdict: Verdict;
  readonly step: number | null;
  readonly stage: string | null;
  readonly layers: readonly number[];
  readonly modulation: Modulation | null;
  readonly npRank: number | null;
  readonly numRanks: number | null;
  /** NP parameters (elements, not bytes). */
  readonly parameters: number | null;
  readonly files: readonly ReportedFile[];
  readonly findings: readonly Finding[];
  /** Level forward: what each layer's NP component gave. Absent below that level, and where nothing was run. */
  readonly probe?: readonly ProbedLayer[];
  /** Absent below level structure, and where no training state with an optimizer was read. */
  readonly optimizer?: OptimizerFacts;
  readonly seconds: number;
}

export interface ValidationOptions {
  /** Defaults to `numbers`, as on the command line. */
  readonly level?: Level;
  readonly signal?: AbortSignal;
  /** Bytes looked at so far, and in all. Called at most every ~50 ms. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How the thread that reads may be used. */
export interface ReadingOptions {
  /** Blocking reads: faster, for workers and the command line only. */
  readonly blocking?: boolean;
}
