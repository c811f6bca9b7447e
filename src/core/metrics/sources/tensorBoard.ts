/**
 * TensorBoard's event files, as Hugging Face's Trainer (runs/<time>_<host>/), PyTorch's SummaryWriter and Lightning write them: each
 * process begins one of its own, and a resume's is another file.
 */
import type { Dirent } from 'node:fs';
import path from 'node:path';
import type { MetricsEvent } from '../events';
import { parseTfEvent, type TfEvent } from '../tfevents/event';
import { TfRecords } from '../tfevents/records';
import { entriesIn, type RecordsReader, type RecordsSource } from './source';

export const tensorBoard: RecordsSource = { kind: 'records', find, reader: () => new EventFiles() };

const EVENT_FILE = /^events\.out\.tfevents\.(\d{1,15})\./;
/** Folders of a run that event files, or folders of them, are in. */
const PLACES: ReadonlySet<string> = new Set(['runs', 'logs', 'tb', 'tensorboard', 'lightning_logs']);

/** Names that Hugging Face's Trainer gives what our trainer logs, too. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['train/loss', 'loss/total'],
  ['eval/loss', 'eval_loss/total'],
  ['train/learning_rate', 'training/learning_rate'],
  ['train/grad_norm', 'training/grad_norm'],
]);
/** Where a row is, and what that Trainer says of the whole training once it is over. */
const NOT_METRICS = new Set(
  ['epoch', 'train_runtime', 'train_samples_per_second', 'train_steps_per_second', 'total_flos', 'train_loss'].flatMap(
    (name) => [name, `train/${name}`],
  ),
);

/** In the order in which they were begun, by the time in their names. */
async function find(runPath: string): Promise<readonly string[]> {
  const found: { readonly begun: number; readonly file: string }[] = [];
  const collect = (folder: string, entries: readonly Dirent[]): void => {
    for (const { name } of entries) {
      const begun = EVENT_FILE.exec(name)?.[1];
      if (begun !== undefined) found.push({ begun: Number(begun), file: path.join(folder, name) });
    }
  };
  const atTop = await entriesIn(runPath);
  collect(runPath, atTop);
  for (const place of atTop.filter(({ name }) => PLACES.has(name))) {
    const folder = path.join(runPath, place.name);
    const entries = await entriesIn(folder);
    collect(folder, entries);
    for (const entry of entries) {
      // A folder of logs has thousands of other files.
      if (entry.isFile()) continue;
      const inner = path.join(folder, entry.name);
      collect(inner, await entriesIn(inner));
    }
  }
  return found.sort((a, b) => a.begun - b.begun || (a.file < b.file ? -1 : 1)).map(({ file }) => file);
}

class EventFiles implements RecordsReader {
  private readonly files: TfRecords[] = [];
  /** Of each tag, the newest step and the file that it is in. */
  private readonly newest = new Map<string, { readonly step: number; readonly file: number }>();
  /** Files that go back behind what an earlier one has: a resume's. */
  private readonly resumes = new Set<number>();

  push(file: number, piece: Uint8Array): readonly MetricsEvent[] {
    const records = (this.files[file] ??= new TfRecords());
    const found: MetricsEvent[] = [];
    let row: { readonly step: number; readonly time: number; readonly values: [string, number][] } | undefined;
    for (const data of records.push(piece)) {
      const event = parsed(data);
      if (event === undefined) continue;
      const goBack = (): void => {
        found.push({ kind: 'start', segment: null, resumeStep: event.step - 1 });
        row = undefined;
      };
      if (event.begins && event.step > 0) goBack();
      for (const [tag, value] of event.scalars) {
        if (NOT_METRICS.has(tag)) continue;
        if (this.goesBack(tag, event.step, file)) goBack();
        // A writer has a record for each value; those of one step are a row, as long as they come together.
        if (row?.step !== event.step) {
          row = { step: event.step, time: event.time, values: [] };
          found.push({ kind: 'metrics', segment: null, ...row, stage: null, unmarked: false });
        }
        row.values.push([NAMES.get(tag) ?? tag, value]);
      }
    }
    return found;
  }

  private goesBack(tag: string, step: number, file: number): boolean {
    const before = this.newest.get(tag);
    this.newest.set(tag, { step, file });
    if (before === undefined || before.file >= file || step > before.step || this.resumes.has(file)) return false;
    this.resumes.add(file);
    return true;
  }
}

/** Undefined for a record that is no event; its checksum held, so that what follows it is well. */
function parsed(data: Uint8Array): TfEvent | undefined {
  try {
    const event = parseTfEvent(data);
    return Number.isSafeInteger(event.step) && event.step >= 0 ? event : undefined;
  } catch {
    return undefined;
  }
}
