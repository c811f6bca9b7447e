/** What is wrong with one file, found while reading it. The catalogue of core/checkpoint/validate/findings.ts says what follows from a code. */
import { visibleText } from '../plainText';

export const FILE_PROBLEM_CODES = [
  'empty-file',
  'truncated',
  'not-torch',
  'zeroed-file',
  'other-archive',
  'torchscript-archive',
  'encrypted',
  'zip-central-directory',
  'zip-duplicate-record',
  'zip-name-mismatch',
  'zip-header-mismatch',
  'zip-flags',
  'zip-record-bounds',
  'zip-overlap',
  'zip-hidden-bytes',
  'zip-compressed',
  'zip-compression-method',
  'zip-extra-record',
  'zip-several-roots',
  'trailing-data',
  'pickle-malformed',
  'pickle-truncated',
  'pickle-limit',
  'pickle-trailing-data',
  'dangerous-global',
  'unknown-call',
  'unknown-global',
  'nested-pickle',
  'encoded-pickle',
  'missing-record',
  'storage-size',
  'unused-record',
  'byte-order',
  'unreadable-file',
] as const;

export type FileProblemCode = (typeof FILE_PROBLEM_CODES)[number];

export interface FileProblem {
  readonly code: FileProblemCode;
  /** One sentence, without the file's name. */
  readonly message: string;
}

/** Text out of a file, made fit for one line of a message: control characters and direction marks shown, length bounded. */
export function quoted(text: string, length = 120): string {
  return `"${visibleText(text, { longest: length })}"`;
}
