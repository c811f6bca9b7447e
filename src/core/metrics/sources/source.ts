/** What a metrics source is, and what the sources share in finding files and reading a line of JSON. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isAbsent } from '../../files';
import { isObject, parseJsonOfAnyDepth, type JsonObject } from '../../jsonText';
import type { MetricsEvent } from '../events';

/** A kind of metrics file that is appended to while a run trains: one JSON object a line. */
export interface LogSource {
  readonly kind: 'log';
  /** Its name in the run's folder. */
  readonly file: string;
  /** The line's event; undefined for a torn line, an unknown event, or anything that is no event at all. */
  readonly parseLine: (line: string) => MetricsEvent | undefined;
}

/** A kind of JSON document that is written anew at each save and holds all that was logged until then. */
export interface DocumentSource {
  readonly kind: 'document';
  /** Absolute paths of the run's documents that may be the newest; none where it has none. Rejects as `fs` does. */
  readonly find: (runPath: string) => Promise<readonly string[]>;
  readonly parse: (document: JsonObject) => Logged;
}

/** A kind of binary files that are appended to, a file a process: a resume's is another one. */
export interface RecordsSource {
  readonly kind: 'records';
  /** Absolute paths of the run's files, in the order in which they were begun; none where it has none. Rejects as `fs` does. */
  readonly find: (runPath: string) => Promise<readonly string[]>;
  /** For the files of one run, all of them read from their beginnings. */
  readonly reader: () => RecordsReader;
}

export interface RecordsReader {
  /** What the next bytes of a file tell. @param file its place in what `find` gave */
  push(file: number, piece: Uint8Array): readonly MetricsEvent[];
}

/** What one document says. */
export interface Logged {
  /** How far the run was when it was written: of several documents, the one that goes furthest counts. */
  readonly step: number;
  readonly events: readonly MetricsEvent[];
}

export type MetricsSource = LogSource | DocumentSource | RecordsSource;

/** None where the folder is not there, or is none. */
export async function entriesIn(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** The line's object; undefined for a torn line, or nothing that a trainer writes. */
export function fieldsOf(line: string): JsonObject | undefined {
  try {
    const value: unknown = parseJsonOfAnyDepth(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
