/**
 * Names of what lies in a run's folder (contract section 1), and which of them tell what. What each file says is read in
 * runFiles.ts; a checkpoint's own files are in checkpoint/fileNames.ts.
 */
import { CHECKPOINTS, CONFIG } from '../checkpoint/fileNames';
import { METRICS_FILES } from '../metrics/sources/logs';

/** The folder in a workspace that its runs are in, where no setting names another. */
export const EXPERIMENTS = 'experiments';

/** Who a run is and where it came from. Its arguments are in CONFIG, as a checkpoint's are. */
export const BIRTH = 'run.json';
export const PROCESS = 'process.json';
export const EXIT = 'exit.json';
export const PINS = 'pins.json';
/** What people write of the run, and its tags. */
export const NOTES = 'notes.md';
/** Which of its checkpoints were backed up, and where. */
export const BACKUPS = 'backups.json';
/** The W&B run that it logs to. */
export const WANDB = 'wandb.json';
/** The console of whatever trained. */
export const TRAIN_LOG = 'train.log';
/** In CHECKPOINTS: which of them is the best. */
export const BEST = 'best.json';

/** Only a trainer or its supervisor writes these. PROCESS is there before the trainer has said anything. */
const OF_A_RUN: ReadonlySet<string> = new Set([BIRTH, ...METRICS_FILES, PROCESS, EXIT]);

/** Files whose coming and going tells something of a run, beside those that make it one. */
const TELLING: ReadonlySet<string> = new Set([CONFIG, PINS, BACKUPS, NOTES, CHECKPOINTS]);

/** Small files that are written anew. A metrics file or a log only grows, several times a second: who trains is looked at. */
export const REWRITTEN: ReadonlySet<string> = new Set([BIRTH, CONFIG, PROCESS, EXIT, PINS, BACKUPS, NOTES]);

/** What is written while a run trains: their times are its signs of life. */
export const GROWING: readonly string[] = [...METRICS_FILES, TRAIN_LOG, PROCESS];

/** What changes without a folder event while a run trains, besides its process. */
export const CHANGING: readonly string[] = [...METRICS_FILES, PROCESS, EXIT, CHECKPOINTS];

/** Whether a file of this name makes its folder a run. */
export function marksRun(name: string): boolean {
  return OF_A_RUN.has(name);
}

/** Whether a name directly in a folder tells that it is a run, or of one how it is doing. */
export function isRunFile(name: string): boolean {
  return OF_A_RUN.has(name) || TELLING.has(name);
}

/** Whether a file of this name tells something when its content changes. */
export function isRewritten(name: string): boolean {
  return REWRITTEN.has(name);
}
