/** What a training workspace's trainer needs of Python, as its pyproject.toml says. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isFileError } from '../../files';

export interface Requirement {
  readonly name: string;
  /** The oldest version that will do; null for any. */
  readonly oldest: string | null;
}

/** For a trainer that says nothing. */
const LEAST: readonly Requirement[] = [
  { name: 'torch', oldest: null },
  { name: 'transformers', oldest: null },
];

export async function requirementsOf(root: string): Promise<readonly Requirement[]> {
  let text: string;
  try {
    text = await readFile(path.join(root, 'pyproject.toml'), 'utf8');
  } catch (error) {
    if (!isFileError(error)) throw error;
    return LEAST;
  }
  // The trainer's own file; of anybody else's only what is written the same way is understood.
  const [, list] = /^dependencies\s*=\s*\[([^\]]*)\]/m.exec(text) ?? [];
  const found = [...(list ?? '').matchAll(/["']([A-Za-z0-9][\w.-]*)\s*(?:>=\s*([\d.]+))?[^"']*["']/g)];
  if (found.length === 0) return LEAST;
  return found.map(([, name = '', oldest]) => ({ name, oldest: oldest ?? null }));
}

/** Whether a version is older than another, by its leading numbers: `2.10.0+cpu` is not older than `2.4`. */
export function isOlder(version: string, oldest: string): boolean {
  const numbers = (text: string): number[] => (/^\d+(\.\d+)*/.exec(text)?.[0] ?? '').split('.').map(Number);
  const [have, need] = [numbers(version), numbers(oldest)];
  for (let at = 0; at < need.length; at++) {
    const difference = (have[at] ?? 0) - (need[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
