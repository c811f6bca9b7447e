/**
 * Keeps a workspace's model with less than other processes have, and answers what it shows.
 * usage: node --import tsx watchingProcess.ts WORKSPACE HOW; HOW is `nobody`, to go on as a user whom no file belongs to,
 * `watches=<n>` or `groups=<n>`, to be refused what is beyond, where the system cannot be told to, or nothing.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { LIMITS, type Models, type Question } from './apart';
import { Shown } from './shown';

const NOBODY = 65534;

/** Where the system does not do it: how many watches there may be. */
let refusedFrom = Infinity;

function refuse(code: string): void {
  const { watch } = fs;
  let open = 0;
  fs.watch = ((target: string, ...rest: unknown[]) => {
    if (open >= refusedFrom) throw Object.assign(new Error(code), { code, syscall: 'watch', path: target });
    const watcher = (watch as (...all: unknown[]) => fs.FSWatcher)(target, ...rest);
    open += 1;
    watcher.once('close', () => (open -= 1));
    return watcher;
  }) as typeof fs.watch;
  syncBuiltinESMExports();
}

async function answer(shown: Shown, question: Question): Promise<Models | null> {
  switch (question.kind) {
    case 'models': {
      const [model, found] = await shown.both();
      const { degraded, isComplete } = shown.watcher;
      return { shown: model, found, degraded, complete: isComplete, scans: shown.scans };
    }
    case 'due':
      await shown.due();
      return null;
    case 'rescan':
      await shown.watcher.rescan(question.look);
      return null;
    case 'allow':
      if (Number.isFinite(refusedFrom)) refusedFrom = question.watches;
      else fs.writeFileSync(LIMITS.watches, String(question.watches));
      return null;
  }
}

function begin(root: string, how: string): void {
  const [, limit, count] = /^(watches|groups)=(\d+)$/.exec(how) ?? [];
  if (limit !== undefined) {
    refusedFrom = Number(count);
    refuse(limit === 'watches' ? 'ENOSPC' : 'EMFILE');
  } else if (how === 'nobody' && process.getuid?.() === 0) {
    process.setgroups?.([]);
    process.setgid?.(NOBODY);
    process.setuid?.(NOBODY);
  }
  const shown = new Shown(root);
  process.on('message', (question: Question) => {
    void answer(shown, question).then((found) => process.send?.(found));
  });
  process.on('disconnect', () => {
    process.exit();
  });
}

const [root, how = ''] = process.argv.slice(2);
if (root === undefined) throw new Error('usage: watchingProcess.ts WORKSPACE HOW');
begin(root, how);
