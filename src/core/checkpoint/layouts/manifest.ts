/** A checkpoint's manifest.json (contract section 2). */
import { createHash } from 'node:crypto';
import { asNumber, isObject, numberIn, stringIn, type JsonObject } from '../../jsonText';

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
  for (const [name, logged] of Object.entries(objectIn(object, 'metrics'))) {
    const value = asNumber(logged);
    if (value !== null) metrics[name] = value;
  }
  const model = isObject(object['model']) ? object['model'] : null;
  const files = new Map<string, ManifestFile>();
  for (const [name, facts] of Object.entries(objectIn(object, 'files'))) {
    const own = isObject(facts) ? facts : {};
    files.set(name, { bytes: integer(own['bytes']), sha256: stringIn(own, 'sha256') });
  }
  const sha256 = stringIn(object, 'sha256');
  return {
    schema: integer(object['schema']),
    step: integer(object['step']),
    segment: integer(object['segment']),
    stage: stringIn(object, 'stage'),
    time: numberIn(object, 'time'),
    metrics,
    model: model ? { name: stringIn(model, 'name'), fingerprint: stringIn(model, 'fingerprint') } : null,
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
  // As RFC 8785 has it, a number is a double.
  if (typeof value === 'bigint') return JSON.stringify(Number(value));
  if (depth > 100 || value === null || typeof value !== 'object') return JSON.stringify(depth > 100 ? null : value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  const object = value as Record<string, unknown>;
  return `{${Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key], depth + 1)}`)
    .join(',')}}`;
}

function objectIn(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isObject(value) ? value : {};
}

function integer(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}
