/** config.json and manifest.json, read with bounds. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { JsonDepthError, MAX_JSON_DEPTH, parseJsonText } from '../jsonText';

/** The newest schema that this version reads. */
export const SCHEMA = 1;
const MAX_BYTES = 8 * 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/** Why a JSON file gives nothing; `missing` is not an error by itself. */
export type JsonFailure = 'missing' | 'empty' | 'too-large' | 'too-deep' | 'not-json' | 'not-object' | 'unreadable';

export type JsonResult =
  { readonly object: JsonObject; readonly failure: null } | { readonly object: null; readonly failure: JsonFailure };

/**
 * Reads a JSON object. Python's bare NaN and Infinity are read as the strings that the contract writes for them. `blocking`
 * only where the thread may wait.
 */
export async function readJsonObject(path: string, blocking = false): Promise<JsonResult> {
  let text: string;
  try {
    if (blocking) {
      const failure = failureOf(statSync(path));
      if (failure) return { object: null, failure };
      text = readFileSync(path, 'utf8');
    } else {
      const handle = await open(path, 'r');
      try {
        const failure = failureOf(await handle.stat());
        if (failure) return { object: null, failure };
        text = await handle.readFile('utf8');
      } finally {
        await handle.close();
      }
    }
  } catch (error) {
    return { object: null, failure: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unreadable' };
  }
  if (text.trim() === '') return { object: null, failure: 'empty' };
  let parsed: unknown;
  try {
    parsed = parseJsonText(text);
  } catch (error) {
    return { object: null, failure: error instanceof JsonDepthError ? 'too-deep' : 'not-json' };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return { object: null, failure: 'not-object' };
  return { object: parsed as JsonObject, failure: null };
}

/** What keeps it from being read, as far as its size and kind say. */
function failureOf(stats: Stats): JsonFailure | null {
  return !stats.isFile() ? 'unreadable' : stats.size > MAX_BYTES ? 'too-large' : null;
}

/** A clause to put behind the file's name. */
export function describeFailure(failure: JsonFailure): string {
  switch (failure) {
    case 'missing':
      return 'is missing';
    case 'empty':
      return 'is empty';
    case 'too-large':
      return 'is larger than any configuration';
    case 'too-deep':
      return `is nested more than ${MAX_JSON_DEPTH} levels deep`;
    case 'not-json':
      return 'is not JSON';
    case 'not-object':
      return 'is not a JSON object';
    case 'unreadable':
      return 'cannot be read';
  }
}

export interface ManifestFile {
  readonly bytes: number | null;
  readonly sha256: string | null;
}

export interface Manifest {
  readonly schema: number | null;
  readonly step: number | null;
  readonly segment: number | null;
  readonly stage: string | null;
  /** Unix seconds. */
  readonly time: number | null;
  readonly metrics: Readonly<Record<string, number>>;
  readonly model: { readonly name: string | null; readonly fingerprint: string | null } | null;
  readonly files: ReadonlyMap<string, ManifestFile>;
  /** The manifest's own hash fits its text; null when it carries none. */
  readonly intact: boolean | null;
}

export function readManifest(object: JsonObject): Manifest {
  const metrics: Record<string, number> = Object.create(null) as Record<string, number>;
  for (const [name, value] of Object.entries(asObject(object['metrics']) ?? {})) {
    if (typeof value === 'number') metrics[name] = value;
    else if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') metrics[name] = Number(value);
  }
  const model = asObject(object['model']);
  const files = new Map<string, ManifestFile>();
  for (const [name, facts] of Object.entries(asObject(object['files']) ?? {})) {
    const own = asObject(facts);
    files.set(name, { bytes: integer(own?.['bytes']), sha256: text(own?.['sha256']) });
  }
  const sha256 = text(object['sha256']);
  return {
    schema: integer(object['schema']),
    step: integer(object['step']),
    segment: integer(object['segment']),
    stage: text(object['stage']),
    time: typeof object['time'] === 'number' ? object['time'] : null,
    metrics,
    model: model ? { name: text(model['name']), fingerprint: text(model['fingerprint']) } : null,
    files,
    intact: sha256 === null ? null : manifestHash(object) === sha256,
  };
}

/** sha256 of the document without its `sha256` key, as RFC 8785 (JSON Canonicalization Scheme) writes it. */
export function manifestHash(object: JsonObject): string {
  const rest = Object.fromEntries(Object.entries(object).filter(([key]) => key !== 'sha256'));
  return createHash('sha256').update(canonicalJson(rest)).digest('hex');
}

/** RFC 8785: ECMAScript's numbers and strings, keys by UTF-16 code units, no white space. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > 100 || value === null || typeof value !== 'object') return JSON.stringify(depth > 100 ? null : value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  const object = value as Record<string, unknown>;
  return `{${Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key], depth + 1)}`)
    .join(',')}}`;
}

function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

function integer(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
