/** What a writer of the soak is about to do to a checkpoint, noted before it does it, so that nobody can see it unannounced. */
import { appendFileSync, closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';

/**
 * `complete`: the next act makes it whole under this path. `damaged`: something in it is about to be taken away or cut.
 * `did`: one more act, of which nobody has to know but who counts.
 */
export type Note =
  { readonly what: 'complete' | 'damaged'; readonly path: string } | { readonly what: 'did'; readonly act: string };

export class Journal {
  constructor(private readonly file: string) {}

  note(note: Note): void {
    appendFileSync(this.file, `${JSON.stringify(note)}\n`);
  }
}

/** Kills, after which nobody shows any more what is gone. */
export const ROUNDS = 8;

/** Everything that the writers noted, read on from where it was read before. */
export class Journals {
  /** With the round in which they were read. */
  readonly completed = new Map<string, number>();
  readonly damaged = new Map<string, number>();
  readonly acts = new Map<string, number>();
  /** Processes that have done something. */
  readonly writers = new Set<number>();
  private readonly offsets = new Map<string, number>();
  private round = 0;

  /** @param folder that holds the journals and nothing else */
  constructor(private readonly folder: string) {}

  read(): void {
    if (!existsSync(this.folder)) return;
    for (const name of readdirSync(this.folder)) this.readOn(path.join(this.folder, name));
  }

  /**
   * A round is over: drops what was noted some rounds ago of checkpoints that are gone, which nobody shows any more. Of half an
   * hour it is more than the model.
   */
  forget(isGone: (checkpoint: string) => boolean): void {
    this.round += 1;
    for (const known of [this.completed, this.damaged])
      for (const [checkpoint, round] of known)
        if (round < this.round - ROUNDS && isGone(checkpoint)) known.delete(checkpoint);
  }

  private readOn(file: string): void {
    const from = this.offsets.get(file) ?? 0;
    const descriptor = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(descriptor).size - from);
      readSync(descriptor, bytes, 0, bytes.length, from);
      const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
      this.offsets.set(file, from + whole.length);
      if (whole.length > 0) this.writers.add(Number(/-(\d+)\.jsonl$/.exec(file)?.[1]));
      for (const line of whole.toString().split('\n')) if (line !== '') this.take(JSON.parse(line) as Note);
    } finally {
      closeSync(descriptor);
    }
  }

  private take(note: Note): void {
    if (note.what === 'did') this.acts.set(note.act, (this.acts.get(note.act) ?? 0) + 1);
    else if (note.what === 'complete') this.completed.set(note.path, this.round);
    else this.damaged.set(note.path, this.round);
  }
}
