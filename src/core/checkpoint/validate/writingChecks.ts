/** Still being written is not broken: telling a checkpoint that somebody is writing from one that is damaged. */
import { join } from 'node:path';
import { sameFile, type FileIdentity } from '../fileIdentity';
import { fileStateIfReadable } from '../fileState';
import { finding } from './findings';
import { changedMomentsAgo } from '../writing';
import { MANIFEST } from '../fileNames';
import { isDeletedFolder, isTemporaryFolder } from '../folderNames';
import type { Finding } from '../report/report';
import type { Validation } from './validation';

/** What stays true of a file that is still being written. */
const FINDINGS_THAT_STAY: ReadonlySet<string> = new Set(['dangerous-global', 'nested-pickle', 'unknown-call']);

/** What the first part of a file looks like, be it a torch file or a configuration. */
const FINDINGS_OF_HALF_A_FILE: ReadonlySet<string> = new Set(['truncated', 'empty-file', 'config-unreadable']);

/** Where the folder's name says that a save or a deletion is under way, or was interrupted. */
export function underWay(folder: string): Finding | null {
  if (isDeletedFolder(folder))
    return finding('being-deleted', null, 'This checkpoint is being deleted, or its deletion was interrupted.');
  if (isTemporaryFolder(folder))
    return finding('being-written', null, 'This checkpoint is being written, or its save was interrupted.');
  return null;
}

/** One of the files was written moments ago. */
export function recent(states: ReadonlyMap<string, FileIdentity>): boolean {
  return [...states.values()].some(isRecent);
}

function isRecent(state: FileIdentity): boolean {
  return changedMomentsAgo(state.modified / 1000);
}

/**
 * A file that changed while it was read was being written, and what was found in it says nothing. The same where another
 * trainer, which writes in place, has left a short file behind moments ago. `states`: from before anything was read.
 */
export async function noticeChanges(validation: Validation, states: ReadonlyMap<string, FileIdentity>): Promise<void> {
  const { findings } = validation;
  const growing = new Set<string>();
  // A deletion takes only the folder's name at first, and may give it back.
  for (const { code, file } of findings) {
    if (code !== 'missing-file' || file === null || states.has(file)) continue;
    const now = await fileStateIfReadable(join(validation.path, file), validation.options.blocking);
    if (now !== null) growing.add(file);
  }
  for (const [name, before] of states) {
    const after = await fileStateIfReadable(join(validation.path, name), validation.options.blocking);
    const changed = after === null || !sameFile(after, before);
    const short = findings.some((item) => item.file === name && FINDINGS_OF_HALF_A_FILE.has(item.code));
    if (changed || (short && !states.has(MANIFEST) && isRecent(before))) growing.add(name);
  }
  if (growing.size === 0) return;
  const kept = findings.filter((item) => FINDINGS_THAT_STAY.has(item.code));
  findings.length = 0;
  findings.push(
    ...kept,
    finding('being-written', null, `This checkpoint is being written: ${[...growing].join(', ')} changed moments ago.`),
  );
}
