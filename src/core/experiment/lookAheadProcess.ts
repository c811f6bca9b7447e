/** dist/look-ahead.js: a process of lookAhead.ts, which does what it is asked in turn, and ends with the one that asked. */
import path from 'node:path';
import { isSameState } from './checkpointContent';
import { PacedDisk } from './disk';
import { lineOf, type Named } from './keptLine';
import type { Answer, Known, Question } from './lookAhead';
import { ScanContext } from './scanContext';
import { scanCheckpoints } from './scanCheckpoints';

const disk = new PacedDisk();

/** What there is to keep of a folder of checkpoints. Never rejects for what is on disk: whoever asked will see it, too. */
async function lookInto(folder: string): Promise<string> {
  const context = new ScanContext({ disk });
  await scanCheckpoints(folder, false, context);
  const found: Named[] = [];
  for (const [checkpoint, settled] of context.settled)
    if (settled.keepable) found.push([path.basename(checkpoint), settled]);
  return lineOf(found, context.listings.get(folder));
}

/** Whether something came, went or was renamed in any of these checkpoints. */
async function differ({ folder, names, states }: Known): Promise<boolean> {
  const found = await disk.statEach(names.map((name) => path.join(folder, name)));
  return found.some((stats, at) => {
    const [dev = 0, ino = 0, mtimeMs = 0, ctimeMs = 0] = states.subarray(4 * at, 4 * at + 4);
    return stats === null || !isSameState(stats, { dev, ino, mtimeMs, ctimeMs });
  });
}

async function answer(question: Question): Promise<void> {
  const say = (told: Answer): void => {
    process.send?.(told);
  };
  if (question.kind === 'look') {
    for (const folder of question.folders) say({ kind: 'found', folder, line: await lookInto(folder) });
  } else {
    for (const known of question.folders) if (await differ(known)) say({ kind: 'differs', folder: known.folder });
  }
  say({ kind: 'done' });
}

process.on('disconnect', () => {
  process.exit();
});
let answered = Promise.resolve();
process.on('message', (question: Question) => {
  answered = answered.then(() => answer(question));
});
