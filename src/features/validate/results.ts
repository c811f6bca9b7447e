/** Validation results by checkpoint, for the tree's icons; a changed checkpoint forgets its result. */
import { readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Checkpoint } from '../../core/experiment/model';
import type { Level, ValidationReport } from '../../core/checkpoint/report/report';
import { Disposable } from '../../core/disposable';

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
}

export class ValidationResults extends Disposable {
  private readonly changed = this._register(new vscode.EventEmitter<readonly string[]>());
  /** Paths of the checkpoints whose result came or went. */
  readonly onDidChange = this.changed.event;
  private readonly results = new Map<string, Result>();

  get(checkpointPath: string): ValidationReport | undefined {
    return this.results.get(checkpointPath)?.report;
  }

  /** The result of an earlier validation to that level, if the checkpoint has not changed since. */
  async current(checkpointPath: string, level: Level): Promise<ValidationReport | undefined> {
    const result = this.results.get(checkpointPath);
    return result?.report.level === level && result.identity === (await identityOf(checkpointPath))
      ? result.report
      : undefined;
  }

  /** Validates and remembers. What changes while it is being read counts as changed afterwards. */
  async run(checkpointPath: string, validate: () => Promise<ValidationReport>): Promise<ValidationReport> {
    const identity = await identityOf(checkpointPath);
    const report = await validate();
    this.results.set(checkpointPath, { report, identity });
    this.changed.fire([checkpointPath]);
    return report;
  }

  /** Drops results of checkpoints that changed or went since they were validated. */
  async refresh(checkpoints: readonly Checkpoint[]): Promise<void> {
    const present = new Map(checkpoints.map((checkpoint) => [checkpoint.path, checkpoint]));
    const dropped: string[] = [];
    for (const [checkpointPath, result] of this.results) {
      const checkpoint = present.get(checkpointPath);
      if (checkpoint !== undefined && (await identityOf(checkpointPath)) === result.identity) continue;
      this.results.delete(checkpointPath);
      dropped.push(checkpointPath);
    }
    if (dropped.length > 0) this.changed.fire(dropped);
  }
}
