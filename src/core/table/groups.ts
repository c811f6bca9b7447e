/** What runs stand under that have a tag or a day in common, in the table as in the tree. */
import { dayText } from './columns';

/** Each tag once; '' for a run that has none: no tag is empty. */
export function tagTitles(tags: readonly string[]): readonly string[] {
  return tags.length === 0 ? [''] : [...new Set(tags)];
}

/** @param started Unix seconds; undefined where it is not known: '' */
export function dayTitle(started: number | undefined): string {
  return started === undefined || started <= 0 ? '' : dayText(started);
}

/** Those that have a key in common, by it, as they come; one with several keys is under each. */
export function together<T>(all: readonly T[], keysOf: (each: T) => readonly string[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    for (const key of keysOf(each)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [each]);
      else group.push(each);
    }
  }
  return groups;
}
