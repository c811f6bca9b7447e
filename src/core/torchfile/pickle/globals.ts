/**
 * What a pickle may import, judged by name: by the list that the trainer's loader and validator decide by too
 * (trainer/npt/checkpoint/globals.json says what is in it).
 */
import { dangerous, harmless, python2, unread } from '../../../../trainer/npt/checkpoint/globals.json';

/**
 * safe: makes plain data, tensors or numbers. dangerous: running it (or being able to) is what an attack wants.
 * unknown: a class or function that we cannot judge, or do not read; it stays opaque and is reported.
 */
export type GlobalKind = 'safe' | 'unknown' | 'dangerous';

type Names = ReadonlyMap<string, ReadonlySet<string>>;

const HARMLESS = namesOf(harmless);
const UNREAD = namesOf(unread);
const PYTHON2_MODULES = new Map(Object.entries(python2.modules));
const PYTHON2_NAMES = new Map(Object.entries(python2.names));
const DANGEROUS_ROOTS = new Set(dangerous.roots);
const VALUE_CLASS_ROOTS = new Set(dangerous.valueClassRoots);
const DANGEROUS_PARTS = new Set(dangerous.parts);
const CALLS_OF = new Set(dangerous.callsOf);

function namesOf(listed: Readonly<Record<string, readonly string[]>>): Names {
  return new Map(Object.entries(listed).map(([module, names]) => [module, new Set(names)]));
}

function startsWithPath(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}.`);
}

/** The name that Python 3 imports where a pickle has Python 2's. */
export function canonicalName(module: string, name: string): { module: string; name: string } {
  const renamed = PYTHON2_NAMES.get(`${module} ${name}`)?.split(' ');
  if (renamed) return { module: renamed[0] ?? '', name: renamed[1] ?? '' };
  return { module: PYTHON2_MODULES.get(module) ?? module, name };
}

/** Judges one import by its canonical name. Names with dots walk attributes (protocol 4), so every part counts. */
export function classifyGlobal(module: string, name: string): GlobalKind {
  if (HARMLESS.get(module)?.has(name) === true) return 'safe';
  if (UNREAD.get(module)?.has(name) === true) return 'unknown';
  const path = `${module}.${name}`;
  const parts = path.split('.');
  const root = parts[0] ?? '';
  if (dangerous.prefixes.some((prefix) => startsWithPath(path, prefix))) return 'dangerous';
  if (parts.slice(1).some((part) => DANGEROUS_PARTS.has(part))) return 'dangerous';
  if (DANGEROUS_ROOTS.has(root) && !VALUE_CLASS_ROOTS.has(root)) return 'dangerous';
  return 'unknown';
}

/**
 * Judges a call of something that classifyGlobal finds unknown. Functions of Python's own library, torch and numpy
 * that are not listed are how new attacks look; a call into somebody's own module may just be an enum.
 */
export function classifyUnknownCall(module: string, name: string): 'dangerous' | 'unknown' {
  if (UNREAD.get(module)?.has(name) === true) return 'unknown';
  const root = module.split('.')[0] ?? '';
  return DANGEROUS_ROOTS.has(root) || CALLS_OF.has(root) ? 'dangerous' : 'unknown';
}
