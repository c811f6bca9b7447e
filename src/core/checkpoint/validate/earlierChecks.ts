/**
 * A checkpoint's weights beside those of the run's checkpoint before it: a matrix that died or exploded in between. Reads
 * the other's npt_weights.pt and nothing else of it.
 */
import { basename, dirname, join } from 'node:path';
import { quoted } from '../../torchfile/problems';
import { openFile } from '../../torchfile/container/source';
import { readTorchFile } from '../../torchfile/torchFile';
import { checkData } from './dataChecks';
import type { TensorNumbers } from '../data/dataParts';
import { finding } from './findings';
import { fileStateIfReadable, namesIn } from '../fileState';
import { CHECKPOINTS, CONFIG, MANIFEST, WEIGHTS } from '../fileNames';
import { stepOfFolder } from '../folderNames';
import { isFileError } from '../../files';
import { Progress } from './progress';
import type { Finding, ValidationOptions } from '../report/report';

/**
 * AdamW moves an element by about the learning rate a step and shrinks it by the rate times the decay: between two
 * checkpoints a healthy matrix changes its size by some percent, and where it starts small, by a few times.
 */
const FACTOR = 10;
/** Matrices start below 0.1 and stay near 1: growth is worth a word where it leads out of that. */
const LARGE_RMS = 1;
/** Below this a matrix was hardly there before. */
const SMALL_RMS = 1e-4;

/** Damaged neighbours are passed over, but not all of a long run's. */
const CANDIDATES = 3;
const NAMED = 5;

export interface EarlierWeights {
  /** The folder's name, for messages. */
  readonly checkpoint: string;
  /** Root mean square of each tensor, by name. */
  readonly rms: ReadonlyMap<string, number>;
}

/** The nearest complete checkpoint of the run with a smaller step, and its weights; null where there is none to read. */
export async function readEarlier(
  checkpoint: string,
  step: number,
  options: Pick<ValidationOptions, 'signal'> & { readonly blocking?: boolean },
): Promise<EarlierWeights | null> {
  for (const folder of (await earlierFolders(checkpoint, step, options.blocking)).slice(0, CANDIDATES)) {
    options.signal?.throwIfAborted();
    try {
      const rms = await readRms(join(folder, WEIGHTS), options);
      if (rms !== null) return { checkpoint: basename(folder), rms };
    } catch (error) {
      // Deleted meanwhile, or not ours to read: what it would have told is not this checkpoint's trouble.
      if (options.signal?.aborted === true || !isFileError(error)) throw error;
    }
  }
  return null;
}

/** Newest first. `final/` and `best/` lie beside `checkpoints/`. */
async function earlierFolders(checkpoint: string, step: number, blocking = false): Promise<string[]> {
  const parent = dirname(checkpoint);
  const found: { step: number; folder: string }[] = [];
  for (const place of [parent, join(parent, CHECKPOINTS)]) {
    for (const name of await namesIfReadable(place, blocking)) {
      const other = stepOfFolder(name);
      if (other !== null && other < step) found.push({ step: other, folder: join(place, name) });
    }
  }
  found.sort((a, b) => b.step - a.step);
  const complete: string[] = [];
  for (const { folder } of found) {
    if (complete.length === CANDIDATES) break;
    const mark =
      (await fileStateIfReadable(join(folder, MANIFEST), blocking)) ??
      (await fileStateIfReadable(join(folder, CONFIG), blocking));
    if (mark) complete.push(folder);
  }
  return complete;
}

/** Neighbours are a help, and their absence is no finding. */
function namesIfReadable(folder: string, blocking: boolean): Promise<readonly string[]> {
  return namesIn(folder, blocking).catch((error: unknown) => {
    if (isFileError(error)) return [];
    throw error;
  });
}

async function readRms(
  path: string,
  options: Pick<ValidationOptions, 'signal'> & { readonly blocking?: boolean },
): Promise<Map<string, number> | null> {
  const source = await openFile(path, options.blocking);
  try {
    const file = await readTorchFile(source);
    if (file.problems.length > 0) return null;
    const progress = new Progress(options.signal ? { signal: options.signal } : {});
    const { findings, numbers } = await checkData(source, file, WEIGHTS, { checksums: true, numbers: true }, progress);
    if (findings.some((item) => item.severity === 'error')) return null;
    if (numbers.some(({ totals }) => totals.nonFinite > 0)) return null;
    return new Map(numbers.map(({ name, totals }) => [name, totals.rms]));
  } finally {
    await source.close();
  }
}

/** What became of the weights since. Tensors that only one of the two has say nothing. */
export function checkAgainstEarlier(numbers: readonly TensorNumbers[], earlier: EarlierWeights): Finding[] {
  const jumps: { name: string; what: string }[] = [];
  for (const { name, totals } of numbers) {
    const before = earlier.rms.get(name);
    const now = totals.rms;
    if (before === undefined || totals.nonFinite > 0) continue;
    if (now === 0 && before > 0) jumps.push({ name, what: 'became zero' });
    else if (now > before * FACTOR && now > LARGE_RMS) jumps.push({ name, what: `grew ${change(before, now)}` });
    else if (now * FACTOR < before && before > SMALL_RMS) jumps.push({ name, what: `shrank ${change(before, now)}` });
  }
  const findings = jumps
    .slice(0, NAMED)
    .map(({ name, what }) =>
      finding('weights-jump', WEIGHTS, `${WEIGHTS}: tensor ${quoted(name)} ${what} since ${earlier.checkpoint}.`),
    );
  const last = jumps[NAMED];
  if (last) {
    findings.push(
      finding(
        'weights-jump',
        WEIGHTS,
        `${WEIGHTS}: ${jumps.length - NAMED} more tensors changed as much (first: ${quoted(last.name)}).`,
      ),
    );
  }
  return findings;
}

function change(before: number, now: number): string {
  return `from a root mean square of ${before.toPrecision(3)} to ${now.toPrecision(3)}`;
}
