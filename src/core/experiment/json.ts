/** Reading the contract's small JSON files: unknown keys are ignored, anything unexpected is said in one line. */

import { JsonDepthError, parseJsonText } from '../jsonText';

/** The schema number that this version writes and reads (contract, beginning). */
const READABLE_SCHEMA = 1;

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws FileContentError one clause, to be put behind the file's path */
export function parseDocument(text: string): JsonObject {
  let value: unknown;
  try {
    value = parseJsonText(text);
  } catch (error) {
    if (error instanceof JsonDepthError) throw new FileContentError(error.message);
    throw new FileContentError(text.trim() === '' ? 'is empty' : 'is not valid JSON');
  }
  if (!isObject(value)) throw new FileContentError('does not hold a JSON object');
  if (typeof value.schema === 'number' && value.schema > READABLE_SCHEMA) {
    throw new FileContentError(
      `has schema ${value.schema}; this version of NPT Checkpoints reads schema ${READABLE_SCHEMA}: update it to read this`,
    );
  }
  return value;
}

export class FileContentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FileContentError';
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number, including the contract's strings for numbers that are not finite; null for anything else. */
export function numberIn(object: JsonObject, key: string): number | null {
  const value = object[key];
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  return null;
}

export function stringIn(object: JsonObject, key: string): string | null {
  const value = object[key];
  return typeof value === 'string' ? value : null;
}

/** A step, a segment, a size: a whole number that is not negative; null for anything else. */
export function countIn(object: JsonObject, key: string): number | null {
  const value = object[key];
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
