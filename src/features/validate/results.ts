/** Validation results by checkpoint, for the tree's icons; a changed checkpoint forgets its result. No vscode here. */
import { readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { Level, ValidationReport } from '../../core/checkpoint/report/report';
import { Disposable } from '../../core/disposable';
import { Emitter } from '../../core/event';

/** Identity of a checkpoint's content as far as the file system tells: names, sizes, modification times, inodes. */
async function identityOf(checkpointPath: string): Promise<string> {
  let names: string[];
  try {
    names = await readdir(checkpointPath);
  } catch {
    // Gone, or a single file: either way nothing here may be taken for unchanged.
    return `gone at ${Date.now()}`;
  }
  const parts = await Promise.all(
    names.sort().map(async (name) => {
      try {
        const { size, mtimeMs, ino } = await stat(path.join(checkpointPath, name));
        return `${name}:${size}:${mtimeMs}:${ino}`;
      } catch {
        // A file that vanished is a change like any other.
        return `${name}:gone`;
      }
    }),
  );
  return parts.join('|');
}

interface Result {
  readonly report: ValidationReport;
  readonly identity: string;
  /** Of the validation, counted as they began. */
  readonly began: number;
}

/** Results that one look holds to what is on disk: a look takes a folder's listing and a stat call a file. */
const LOOKED_AT = 25;

export class ValidationResults extends Disposable {
  private readonly changed = this._register(new Emitter<readonly string[]>());
  /** Paths of the checkpoints whose result came or went. */
  readonly onDidChange = this.changed.event;
  /** In the order in which they are looked at next. */
  private readonly results = new Map<string, Result>();
  private begun = 0;

  get(checkpointPath: string): ValidationReport | undefined {
    return this.results.get(checkpointPath)?.report;
  }

  /** The checkpoints that were found not to be valid, by path, each with the first reason as a clause. */
  notValid(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const [checkpointPath, { report }] of this.results) {
      if (report.verdict === 'valid') continue;
      const worst = report.findings.find((finding) => finding.severity === 'error') ?? report.findings[0];
      found.set(checkpointPath, (worst?.message ?? report.verdict).replace(/\.$/, ''));
    }
    return found;
  }

  /** The result of an earlier validation to that level, if the checkpoint has not changed since. */
  async current(checkpointPath: string, level: Level): Promise<ValidationReport | undefined> {
    const result = this.results.get(checkpointPath);
    return result?.report.level === level && result.identity === (await identityOf(checkpointPath))
      ? result.report
      : undefined;
  }

  /**
   * Validates and remembers. What changes while it is being read counts as changed afterwards; of two validations at a time
   * the one that began later counts, whichever ends first.
   */
  async run(checkpointPath: string, validate: () => Promise<ValidationReport>): Promise<ValidationReport> {
    this.begun += 1;
    const began = this.begun;
    const identity = await identityOf(checkpointPath);
    const report = await validate();
    if ((this.results.get(checkpointPath)?.began ?? 0) > began) return report;
    this.results.set(checkpointPath, { report, identity, began });
    this.changed.fire([checkpointPath]);
    return report;
  }

  /**
   * Drops results of checkpoints that changed or went since they were validated. Each call looks at a few, in turn, so that
   * its cost does not grow with what was validated.
   *
   * @param exists whether there is (still) a checkpoint with that path
   */
  async refresh(exists: (checkpointPath: string) => boolean): Promise<void> {
    const dropped: string[] = [];
    const drop = (checkpointPath: string): void => {
      this.results.delete(checkpointPath);
      dropped.push(checkpointPath);
    };
    for (const checkpointPath of [...this.results.keys()]) if (!exists(checkpointPath)) drop(checkpointPath);
    for (const [checkpointPath, result] of [...this.results].slice(0, LOOKED_AT)) {
      const now = await identityOf(checkpointPath);
      // Validated anew meanwhile: that result is of what is there now.
      if (this.results.get(checkpointPath) !== result) continue;
      if (now !== result.identity) {
        drop(checkpointPath);
      } else {
        this.results.delete(checkpointPath);
        this.results.set(checkpointPath, result);
      }
    }
    if (dropped.length > 0) this.changed.fire(dropped);
  }
}
