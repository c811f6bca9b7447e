/** What the pickle machine is given, what it reports, and its limits. */
import type { GlobalKind } from './globals';
import type { Global, PyValue } from './values';

/** Bounds on what a pickle may make us do. The defaults are far above any checkpoint (a 1B model's state: ~10^5 opcodes). */
export interface PickleLimits {
  readonly opcodes: number;
  readonly stack: number;
  readonly memo: number;
  /** Marks open at the same time. */
  readonly depth: number;
  /** Characters and bytes copied into strings, byte strings and long integers, in all. */
  readonly copied: number;
  /** Digits or bytes of one integer. */
  readonly integerBytes: number;
}

export const DEFAULT_LIMITS: PickleLimits = {
  opcodes: 4_000_000,
  stack: 1_000_000,
  memo: 1_000_000,
  depth: 2_000,
  copied: 128 * 1024 * 1024,
  integerBytes: 4096,
};

export type PickleErrorCode = 'truncated' | 'malformed' | 'limit';

export interface PickleError {
  readonly code: PickleErrorCode;
  readonly message: string;
  /** Byte offset of the opcode. */
  readonly position: number;
}

/** Something that Python would do beyond building data. */
export interface PickleAct {
  readonly what: 'import' | 'call' | 'new' | 'setstate' | 'computed-name' | 'extension';
  /** `module.name`, or a description when there is no name. */
  readonly target: string;
  /** The import's two parts, as Python 3 has them; empty where there is none. */
  readonly module: string;
  readonly name: string;
  readonly kind: GlobalKind;
  readonly position: number;
}

/** How the owner of the pickle interprets what would be calls and persistent ids: pure functions on data. */
export interface PickleInterpreter {
  /** The value that calling a *safe* global gives; undefined leaves the call opaque. Throws PickleFormatError for nonsense. */
  construct(callable: Global, args: readonly PyValue[]): PyValue | undefined;
  /** The value behind a persistent id. Throws PickleFormatError where torch would refuse it. */
  persistent(id: PyValue): PyValue;
  /** Told of every byte string: it may hold another pickle. */
  byteString(bytes: Uint8Array): void;
  /** Told of every text: it may spell another pickle. */
  text(text: string): void;
}

export class PickleFormatError extends Error {
  constructor(
    message: string,
    readonly code: PickleErrorCode = 'malformed',
  ) {
    super(message);
  }
}

export interface PickleResult {
  /** What the pickle builds; null when it breaks off. */
  readonly value: PyValue;
  readonly error: PickleError | null;
  /** Every import, and every call of something that is not safe, in order; the same one only once. */
  readonly acts: readonly PickleAct[];
  /** Offset behind the STOP opcode (or of the error). */
  readonly end: number;
  /** Highest protocol that the pickle declares. */
  readonly protocol: number;
}
