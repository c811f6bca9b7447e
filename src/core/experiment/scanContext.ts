/** What the scans of one workspace share: the disk, what was read before, and what could not be read. */
import type { Stats } from 'node:fs';
import { basename, sep } from 'node:path';
import { secondsSince } from '../clock';
import { type Curriculum, curriculumFromEntries } from '../curriculum';
import { TRAINING_STATE } from '../checkpoint/fileNames';
import type { ListedTrainingState } from '../checkpoint/layouts/layout';
import { ours } from '../checkpoint/layouts/ours';
import { readFailure } from '../files';
import { PacedDisk } from './disk';
import { refuseTooLarge } from '../jsonFile';
import { FileContentError, parseDocument } from '../jsonText';
import type { AskProcess, Checkpoint, CheckpointFile, Problem, Run } from './model';
import { askThisHost } from './runningProcess';
import {
  isSameState,
  type CheckpointContent,
  type CheckpointPlace,
  type Findings,
  type FolderListing,
  type FolderState,
  type KeptCheckpoints,
  type KeptFolder,
  type SettledCheckpoint,
} from './checkpointContent';

/** What a scan asks of a checkpoint's tensor files, where nothing else on disk tells. */
export interface StoredFacts {
  readonly step: number | null;
  readonly curriculum: Curriculum | null;
  readonly trainingState: ListedTrainingState;
}

/** Reads StoredFacts from a checkpoint's folder; rejects with one line when they cannot be used. */
export type FactsReader = (checkpoint: string) => Promise<StoredFacts>;

async function storedFactsOf(checkpoint: string): Promise<StoredFacts> {
  // Few workspaces have such a checkpoint, and what reads torch files is more than half of what a scan would load.
  const { readCheckpointFacts } = await import('../checkpoint/facts');
  const { step, curriculumSchedule, savedArguments, unreadable } = await readCheckpointFacts(checkpoint);
  const reason = unreadable.find(({ file }) => file === TRAINING_STATE)?.reason ?? null;
  return {
    step,
    curriculum: curriculumSchedule === null ? null : curriculumFromEntries(curriculumSchedule),
    trainingState: { hasArguments: savedArguments !== null, unreadable: reason },
  };
}

interface Listing {
  readonly ino: number;
  readonly state: string;
  names: readonly string[];
  /** On the clock of `performance`. */
  readonly at: number;
  visit: Visit;
}

/** From this size of a folder itself on, tens of thousands of entries on any file system, listing it takes long. */
const LARGE_FOLDER_BYTES = 256 * 1024;
const RELIST_MS = 10 * 60_000;
/** A checkpoint without a manifest that did not change for so long is finished. */
const LEFT_ALONE_SECONDS = 600;
/** A folder may change again at the same time of its own for so long: file systems count in steps of up to two seconds. */
export const SAME_TIME_SECONDS = 2;
/** Lists of files that checkpoints share; what is beyond costs memory and nothing else. */
const MOST_FILE_LISTS = 1000;
/** Scans of everything after which a run's finished checkpoints are looked at though nothing told that they changed. */
const ROUND = 20;
/** Checkpoints in one scan that are looked into only because an earlier process kept them: of 50,000 it is done in about two hours. */
export const MOST_KEPT_LOOKS = 200;

/**
 * How closely a scan of everything looks at what was found before: at what told that it `changes`, by the times of the folders
 * that hold it; at the time of each finished checkpoint's own `folders`; at `everything` anew, each file of each checkpoint. Each
 * looks at all that those before it look at.
 */
export const LOOKS = ['changes', 'folders', 'everything'] as const;
export type Look = (typeof LOOKS)[number];

/** One look at a run, or at what is no run: what was met in it is known of it. */
type Visit = object;

/** A run in which nothing goes on. */
interface Rest {
  readonly run: Run;
  readonly signs: string;
}

/** What a run's folder of checkpoints had in it. */
interface CheckpointListing extends FolderListing {
  /** Absolute paths, in the order of the names: the same strings for all that is known of them. */
  readonly paths: readonly string[];
  /** Which scan of a round looks at the finished ones in it, whenever else they are looked at: not all runs in the same. */
  readonly turn: number;
  visit: Visit;
}

/** Names in a folder of checkpoints; `same`: what was finished when a scan last looked can be taken to be as it was. */
export interface CheckpointNames {
  readonly names: readonly string[];
  /** Absolute paths, in that order. */
  readonly paths: readonly string[];
  readonly same: boolean;
  /** What is known of them from before this process, where nothing of this process's is. */
  readonly kept?: KeptFolder | undefined;
}

/** What a finished checkpoint's folder holds, as it was when that was read. */
interface Settled extends SettledCheckpoint {
  /** It was taken over from what was kept: this process has not looked into it. */
  readonly isKept: boolean;
  /** As the model shows it, once it does. */
  checkpoint: Checkpoint | null;
  visit: Visit;
}

interface CachedFile {
  readonly state: string;
  readonly size: number;
  readonly value: unknown;
  readonly error: unknown;
  visit: Visit;
}

export interface ScanContextOptions {
  readonly disk?: PacedDisk;
  /** Unix seconds; a test gives its own. */
  readonly now?: (() => number) | undefined;
  readonly readFacts?: FactsReader | undefined;
  /** Who knows how a run's process is: the launchers; without them, what this machine's process table says. */
  readonly ask?: AskProcess | undefined;
  /** False for a single scan: what only a next one would need is not asked. */
  readonly scansAgain?: boolean;
  /** What is known from before; asked for in place of a look into a checkpoint's folder, unless everything is to be looked at. */
  readonly kept?: KeptCheckpoints | undefined;
}

/**
 * Holds parsed files by path, size, time and inode, and finished checkpoint objects by their files' signature, so that a scan
 * after a change costs little and gives the same objects for what did not change. Not for two scans at a time.
 */
export class ScanContext implements Findings {
  private readonly files = new Map<string, CachedFile>();
  /** Of those that are not settled. */
  private readonly checkpoints = new Map<string, { signature: string; checkpoint: Checkpoint; visit: Visit }>();
  private readonly stored = new Map<
    string,
    { signature: string; facts: StoredFacts | null; problem: string | null; visit: Visit }
  >();
  private readonly changes = new Map<string, { signature: string; at: number; visit: Visit }>();
  /** What is in the experiments folder, and in those in it. */
  private readonly folders = new Map<string, Listing>();
  /** Folders that are no runs and have nothing in them that could make them one. */
  private readonly plain = new Map<string, { readonly ino: number; visit: Visit }>();
  /** Finished checkpoints, by their folder. */
  readonly settled = new Map<string, Settled>();
  private readonly kept: KeptCheckpoints | undefined;
  news = 0;
  /** Folders of checkpoints that were taken over from what was kept, without a look at each checkpoint's folder. */
  private readonly trustedFolders = new Set<string>();
  /** Folders of checkpoints, by their paths. */
  readonly listings = new Map<string, CheckpointListing>();
  private readonly fileLists = new Map<string, readonly CheckpointFile[]>();
  /** Documents that are read for the checkpoint that is looked into. */
  private readNow: string[] | undefined;
  private readonly rests = new Map<string, Rest>();
  /** By the paths of runs. */
  private readonly visits = new Map<string, Visit>();
  /** Runs that the scan of everything has come by. */
  private readonly met = new Set<string>();
  /** Those of them that it took over. */
  private readonly takenOver = new Set<string>();
  private visit: Visit = {};
  /** Of what is in no run. */
  private outside: Visit = this.visit;
  private look: Look = 'changes';
  /** False while a run is scanned by itself. */
  private full = false;
  private scan = 0;
  /** How many more of those that were kept this scan looks into. */
  private keptLooks = 0;
  private trusted: (folder: string) => boolean = () => false;
  private problems: Problem[] = [];

  readonly disk: PacedDisk;
  readonly now: () => number;
  readonly ask: AskProcess;
  private readonly readFacts: FactsReader;
  private readonly scansAgain: boolean;

  constructor(options: ScanContextOptions = {}) {
    this.disk = options.disk ?? new PacedDisk();
    this.now = options.now ?? (() => Date.now() / 1000);
    this.ask = options.ask ?? askThisHost;
    this.readFacts = options.readFacts ?? storedFactsOf;
    this.scansAgain = options.scansAgain ?? true;
    this.kept = options.kept;
  }

  /** What is met from now on is this run's, until the next call. */
  enterRun(runPath: string): void {
    this.visit = {};
    this.visits.set(runPath, this.visit);
    this.met.add(runPath);
  }

  leaveRun(): void {
    this.visit = this.outside;
  }

  /**
   * What would change if anything did in a run in which nothing goes on and whose folders are watched: the times of the folders,
   * and its logs', of whose growth no event tells. Null where that is not sure.
   */
  async signsOfRest(runPath: string, checkpoints: string, logs: readonly string[]): Promise<string | null> {
    // Only a scan of everything takes anything over; a run that trains is scanned by itself every second.
    if (!this.scansAgain || !this.full) return null;
    const signs: string[] = [];
    for (const folder of [runPath, checkpoints]) {
      const stats = await this.disk.stat(folder).catch(() => undefined);
      if (stats === undefined) return null;
      const age = stats === null ? null : secondsSince(stats.mtimeMs / 1000, this.now());
      if (stats !== null && (age === null || age <= SAME_TIME_SECONDS)) return null;
      signs.push(stats === null ? '' : stateOf(stats));
    }
    for (const log of logs) {
      const stats = await this.disk.stat(`${runPath}/${log}`).catch(() => undefined);
      if (stats === undefined) return null;
      signs.push(stats === null ? '' : `${stats.ino}:${stats.size}:${stats.mtimeMs}`);
    }
    return signs.join('|');
  }

  /** The run as it was last found, where a scan of everything may take it over as it was. */
  atRest(runPath: string, checkpoints: string, signs: string): Run | null {
    const known = this.rests.get(runPath);
    if (known?.signs !== signs || this.look !== 'changes') return null;
    if (!this.trusted(runPath) || !this.trusted(checkpoints)) return null;
    const listing = this.listings.get(checkpoints);
    if (listing === undefined || this.isDue(listing)) return null;
    this.met.add(runPath);
    this.takenOver.add(runPath);
    return known.run;
  }

  /** Whether the last scan of everything took the run over as it was: its folders are the same ones. */
  tookOver(runPath: string): boolean {
    return this.takenOver.has(runPath);
  }

  /** @param folders those of its checkpoints, each of which has to be known as finished */
  noteRest(runPath: string, rest: Rest, folders: readonly string[]): void {
    if (folders.every((folder) => this.settled.has(folder))) this.rests.set(runPath, rest);
  }

  /** Something happened in the run, or goes on in it: it has to be looked at. */
  disturb(runPath: string): void {
    this.rests.delete(runPath);
  }

  /** How many problems there are that were not taken yet. */
  get problemCount(): number {
    return this.problems.length;
  }

  problem(path: string, message: string): void {
    this.problems.push({ path, message });
  }

  /** The problems since the last call. */
  takeProblems(): readonly Problem[] {
    const { problems } = this;
    this.problems = [];
    return problems;
  }

  /**
   * Reads and parses a document, or gives what an earlier read gave when it did not change since.
   *
   * @param known what stat says, where the caller has it already
   * @returns null where there is no such file
   * @throws what `parse` throws, and what the disk throws for a file that cannot be read
   */
  async readCached<T>(path: string, parse: (content: Uint8Array) => T, known?: Stats): Promise<T | null> {
    return this.cached(path, known, parse, (stats) => {
      if (stats.isFile()) refuseTooLarge(stats.size);
      return this.disk.readBytes(path, stats);
    });
  }

  /** The same of the last `bytes` of a file's text. */
  async readCachedTail<T>(path: string, parse: (text: string) => T, bytes: number): Promise<T | null> {
    return this.cached(path, undefined, parse, () => this.disk.readTail(path, bytes));
  }

  private async cached<C, T>(
    path: string,
    given: Stats | undefined,
    parse: (content: C) => T,
    read: (stats: Stats) => Promise<C | null>,
  ): Promise<T | null> {
    const stats = given ?? (await this.disk.stat(path));
    if (stats === null) {
      await this.disk.refuseDanglingLink(path);
      return null;
    }
    const known = this.files.get(path);
    const state = stateOf(stats);
    if (known?.state === state && known.size === stats.size) {
      known.visit = this.visit;
      if (known.error !== undefined) throw known.error as Error;
      return known.value as T;
    }
    const content = await read(stats);
    if (content === null) return null;
    this.readNow?.push(path);
    const entry = { state, size: stats.size, visit: this.visit };
    try {
      const value = parse(content);
      this.files.set(path, { ...entry, value, error: undefined });
      return value;
    } catch (error) {
      this.files.set(path, { ...entry, value: undefined, error });
      throw error;
    }
  }

  /** A JSON document read with `read`; what cannot be read becomes a problem and null. */
  readJson<T>(path: string, read: (json: ReturnType<typeof parseDocument>) => T): Promise<T | null> {
    return this.readDocument(path, (content) => read(parseDocument(content)));
  }

  /** A document read with `read`, likewise. */
  async readDocument<T>(path: string, read: (content: Uint8Array) => T): Promise<T | null> {
    try {
      return await this.readCached(path, read);
    } catch (error) {
      this.problem(path, error instanceof FileContentError ? error.message : readFailure(error));
      return null;
    }
  }

  /**
   * When something last changed, Unix seconds: its own time, or where that lies in the future the moment at which a scan saw it
   * differ from the scan before; 0 where neither tells.
   *
   * @param signature differs when it changed
   * @param time as the disk has it, Unix seconds
   */
  lastChange(path: string, signature: string, time: number): number {
    const known = this.changes.get(path);
    if (known?.signature === signature) {
      known.visit = this.visit;
      return known.at;
    }
    const now = this.now();
    const at = secondsSince(time, now) !== null ? time : known === undefined ? 0 : now;
    this.changes.set(path, { signature, at, visit: this.visit });
    return at;
  }

  /**
   * What is in a run's folder of checkpoints. One that did not change is not listed again.
   *
   * @returns null where there is no such folder
   * @throws what the disk throws for a folder that cannot be read
   */
  async checkpointNames(folder: string): Promise<CheckpointNames | null> {
    const stats = this.scansAgain || this.kept !== undefined ? await this.disk.stat(folder) : null;
    const known = this.listings.get(folder);
    const unchanged = known?.firm === true && stats !== null && isSameState(known.state, stats);
    if (unchanged && this.look !== 'everything') {
      known.visit = this.visit;
      return { names: known.names, paths: known.paths, same: !(this.full && this.isDue(known)) };
    }
    const kept = known === undefined && this.look !== 'everything' ? await this.kept?.in(folder, ours) : undefined;
    const trusted = kept === undefined || stats === null ? null : this.trustedListing(folder, stats, kept);
    if (trusted !== null) return trusted;
    const names = await this.disk.names(folder);
    if (names === null) return null;
    const paths = names.map((name) => `${folder}${sep}${name}`);
    if (stats !== null) {
      const age = secondsSince(stats.mtimeMs / 1000, this.now());
      const firm = age !== null && age > SAME_TIME_SECONDS;
      this.noteListing(folder, { state: folderState(stats), names, firm }, paths);
    }
    return { names, paths, same: false, kept };
  }

  private noteListing(folder: string, listing: FolderListing, paths: readonly string[]): void {
    const turn = this.listings.get(folder)?.turn ?? this.listings.size % ROUND;
    this.listings.set(folder, { ...listing, paths, turn, visit: this.visit });
  }

  /**
   * What an earlier scan kept of a folder in which nothing came or went since, with the finished checkpoints in it, whose own
   * folders are not asked: only where a scan looks at changes, and somebody has to make sure of them afterwards.
   */
  private trustedListing(folder: string, stats: Stats, kept: KeptFolder): CheckpointNames | null {
    const { listing } = kept;
    if (!this.full || this.look !== 'changes' || listing === null || !isSameState(listing.state, stats)) return null;
    const { names } = listing;
    const paths = names.map((name) => `${folder}${sep}${name}`);
    for (const [at, path] of paths.entries()) {
      const found = kept.find(names[at] ?? '');
      if (found !== null) this.takeOver(path, found, kept.isNew);
    }
    if (!kept.isNew) this.trustedFolders.add(folder);
    this.noteListing(folder, listing, paths);
    return { names, paths, same: true };
  }

  /** Whether there are such folders that nobody has asked for. */
  get trustsKept(): boolean {
    return this.trustedFolders.size > 0;
  }

  /** Those folders, with how each finished checkpoint's folder in them is taken to be, by name. */
  *takeTrusted(): Generator<readonly [folder: string, states: ReadonlyMap<string, FolderState>]> {
    for (const folder of this.trustedFolders) {
      this.trustedFolders.delete(folder);
      const { names = [], paths = [] } = this.listings.get(folder) ?? {};
      const states = new Map<string, FolderState>();
      for (const [at, path] of paths.entries()) {
        const settled = this.settled.get(path);
        if (settled?.isKept === true) states.set(names[at] ?? '', settled);
      }
      yield [folder, states];
    }
  }

  /** What is known of a folder of checkpoints is not true any more: the next look at its run is at each of them. */
  distrust(folder: string): void {
    this.listings.delete(folder);
  }

  private takeOver(folder: string, found: SettledCheckpoint, isNew: boolean): void {
    this.settle(folder, found, found.content, true, !isNew);
    if (isNew) this.news += 1;
  }

  /** A scan of everything that knows nothing yet comes by these folders of checkpoints next, in this order. */
  expect(folders: readonly string[]): void {
    // Processes that wait for such a disk would take turns all the same.
    if (!this.disk.isSlow && this.look === 'changes') this.kept?.expect?.(folders);
  }

  /** Whether a scan of everything is to look at the finished checkpoints, though none came or went. */
  private isDue(listing: CheckpointListing): boolean {
    return this.look === 'folders' || this.scan % ROUND === listing.turn;
  }

  /**
   * Looks at the folders of checkpoints that are known as finished, many at a time: those in which nothing came or went need no
   * look into them. What was kept from before this process is looked into when its run has its turn, a few at a time: that costs
   * what the first scan spared.
   *
   * @param kept what is known of them from before
   */
  async lookAtFinished(places: readonly CheckpointPlace[], kept: KeptFolder | undefined): Promise<void> {
    if (this.look === 'everything' || (!this.scansAgain && this.kept === undefined)) return;
    const known = kept === undefined ? places.filter(({ folder }) => this.settled.has(folder)) : places;
    const states = await this.disk.statEach(known.map(({ folder }) => folder));
    const turn = this.full && this.look === 'changes';
    for (const [at, { folder }] of known.entries()) {
      const stats = states[at] ?? null;
      if (stats === null) continue;
      const found = this.settled.get(folder);
      if (found === undefined) {
        const then = kept?.find(basename(folder)) ?? null;
        if (then !== null && isSameState(then, stats)) this.takeOver(folder, then, kept?.isNew === true);
      } else if (isSameState(found, stats)) {
        if (found.isKept && turn && this.keptLooks > 0) this.keptLooks -= 1;
        else found.visit = this.visit;
      }
    }
  }

  /**
   * What a checkpoint's folder holds. A finished one is looked into again only where its folder changed, or when a scan looks
   * at everything: a run of thousands of checkpoints is scanned every time that it logs something.
   *
   * @param same nothing came or went beside it, so that its folder need not be asked for its time
   */
  async contentOf(
    folder: string,
    same: boolean,
    read: () => Promise<CheckpointContent | null>,
  ): Promise<CheckpointContent | null> {
    if (!this.scansAgain && this.kept === undefined) return read();
    const known = this.look === 'everything' ? undefined : this.settled.get(folder);
    if (known !== undefined && (same || known.visit === this.visit)) {
      known.visit = this.visit;
      return known.content;
    }
    const stats = await this.disk.stat(folder).catch(() => null);
    const documents: string[] = [];
    this.readNow = documents;
    const content = await read().finally(() => {
      this.readNow = undefined;
    });
    const before = this.settled.get(folder);
    if (
      before !== undefined &&
      before.content.signature !== content?.signature &&
      stats !== null &&
      isSameState(before, stats)
    )
      this.news = Infinity; // changed in place: what was kept is wrong
    // Another trainer's may still be written to, in place.
    const done =
      content?.state === 'complete' &&
      (!content.layout.writtenInPlace || this.now() - content.changed > LEFT_ALONE_SECONDS);
    if (stats === null || content === null || !done) {
      this.settled.delete(folder);
      return content;
    }
    const age = secondsSince(Math.max(stats.ctimeMs, stats.mtimeMs) / 1000, this.now());
    const firm = age !== null && age > SAME_TIME_SECONDS;
    // What it was read from is not asked for again, short of a look at everything: of 50,000 checkpoints that is much.
    for (const document of documents) this.files.delete(document);
    if (!content.layout.writtenInPlace) this.changes.delete(folder);
    const settled = this.settle(folder, stats, content, firm, false);
    if (settled.keepable) this.news += 1;
    return content;
  }

  private settle(
    folder: string,
    { dev, ino, mtimeMs, ctimeMs }: FolderState,
    content: CheckpointContent,
    firm: boolean,
    isKept: boolean,
  ): Settled {
    const before = this.settled.get(folder);
    const checkpoint = before?.content.signature === content.signature ? before.checkpoint : null;
    const keepable = firm && !content.layout.writtenInPlace;
    const settled = { dev, ino, mtimeMs, ctimeMs, content, keepable, isKept, checkpoint, visit: this.visit };
    this.settled.set(folder, settled);
    return settled;
  }

  /** The same list for all checkpoints with these files: those of a run mostly have the same names and sizes. */
  sharedFiles(files: readonly CheckpointFile[]): readonly CheckpointFile[] {
    // No name has a slash in it.
    const key = files.map(({ name, bytes }) => `${name}/${bytes}`).join('/');
    const known = this.fileLists.get(key);
    if (known !== undefined) return known;
    if (this.fileLists.size >= MOST_FILE_LISTS) this.fileLists.clear();
    this.fileLists.set(key, files);
    return files;
  }

  /** The same object as last time where the signature is the same, and what the run says of it. */
  reuseCheckpoint(signature: string, made: Checkpoint): Checkpoint {
    if (!this.scansAgain) return made;
    const found = this.settled.get(made.path);
    const holder = found?.content.signature === signature ? found : undefined;
    const loose = this.checkpoints.get(made.path);
    const known = holder?.checkpoint ?? (loose?.signature === signature ? loose.checkpoint : null);
    const checkpoint = known !== null && agree(known, made) ? known : made;
    if (holder === undefined) this.checkpoints.set(made.path, { signature, checkpoint, visit: this.visit });
    else {
      holder.checkpoint = checkpoint;
      if (loose !== undefined) this.checkpoints.delete(made.path);
    }
    return checkpoint;
  }

  /** StoredFacts of a checkpoint, read once for each state of its files; null and a problem where they cannot be read. */
  async storedFacts(folder: string, signature: string): Promise<StoredFacts | null> {
    let entry = this.stored.get(folder);
    if (entry?.signature !== signature) {
      entry = { signature, facts: null, problem: null, visit: this.visit };
      try {
        entry.facts = await this.readFacts(folder);
      } catch (error) {
        entry.problem = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      }
      this.stored.set(folder, entry);
    }
    entry.visit = this.visit;
    if (entry.problem !== null) this.problem(folder, entry.problem);
    return entry.facts;
  }

  /**
   * Names of the folders in a folder, links to folders included; of one that is watched, as they were where it did not change
   * since. A very large one is not looked into each time that it changed, either: what comes and goes there is told by name.
   *
   * @throws what the disk throws for a folder that cannot be read
   */
  async folderNames(parent: string): Promise<readonly string[]> {
    const stats = await this.disk.stat(parent);
    const known = this.folders.get(parent);
    if (stats !== null && known?.ino === stats.ino && this.trusted(parent)) {
      const large = stats.size > LARGE_FOLDER_BYTES;
      if (known.state === stateOf(stats) || (large && performance.now() - known.at < RELIST_MS)) {
        known.visit = this.visit;
        return known.names;
      }
    }
    const names: string[] = [];
    for (const entry of (await this.disk.list(parent)) ?? []) {
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) names.push(entry.name);
      else if (entry.isSymbolicLink()) {
        const target = await this.disk.stat(`${parent}/${entry.name}`).catch(() => null);
        if (target?.isDirectory() === true) names.push(entry.name);
      }
    }
    if (stats !== null) {
      this.folders.set(parent, {
        ino: stats.ino,
        state: stateOf(stats),
        names,
        at: performance.now(),
        visit: this.visit,
      });
    }
    return names;
  }

  /** Adds or takes away a folder of which an event told. */
  noteFolder(parent: string, name: string, there: boolean): void {
    const known = this.folders.get(parent);
    if (known === undefined || known.names.includes(name) === there) return;
    known.names = there ? [...known.names, name] : known.names.filter((each) => each !== name);
  }

  /** Whether a folder is known to be no run, and is watched for what could make it one. */
  async isPlain(folder: string): Promise<boolean> {
    const known = this.plain.get(folder);
    if (known === undefined || !this.trusted(folder)) return false;
    const stats = await this.disk.stat(folder).catch(() => null);
    if (stats?.ino !== known.ino) return false;
    known.visit = this.visit;
    return true;
  }

  /** The folder has nothing in it that could make it a run. */
  async notePlain(folder: string): Promise<void> {
    const stats = await this.disk.stat(folder).catch(() => null);
    if (stats !== null) this.plain.set(folder, { ino: stats.ino, visit: this.visit });
  }

  /** It has now: a scan that trusts what is known must not pass over it. */
  forgetPlain(folder: string): void {
    this.plain.delete(folder);
  }

  /**
   * Call before and after a scan of everything: what it did not meet is forgotten.
   *
   * @param trusted folders that are watched, so that what comes and goes in them is known
   */
  beginFullScan(look: Look = 'everything', trusted: (folder: string) => boolean = () => false): void {
    this.scan += 1;
    this.keptLooks = MOST_KEPT_LOOKS;
    this.outside = this.visit = {};
    this.met.clear();
    this.takenOver.clear();
    this.full = true;
    this.look = look;
    this.trusted = trusted;
  }

  async endFullScan(): Promise<void> {
    this.full = false;
    this.look = 'changes';
    this.trusted = () => false;
    for (const run of this.visits.keys()) if (!this.met.has(run)) this.visits.delete(run);
    for (const run of this.rests.keys()) if (!this.met.has(run)) this.rests.delete(run);
    const valid = new Set<Visit>([this.outside, ...this.visits.values()]);
    for (const known of [
      this.listings,
      this.settled,
      this.folders,
      this.plain,
      this.files,
      this.stored,
      this.changes,
      this.checkpoints,
    ]) {
      for (const [path, entry] of known) {
        if (!valid.has(entry.visit)) known.delete(path);
        if (this.disk.isSliceOver) await this.disk.giveWay();
      }
    }
  }
}

function folderState({ dev, ino, mtimeMs, ctimeMs }: Stats): FolderState {
  return { dev, ino, mtimeMs, ctimeMs };
}

/** What of a folder changes when something comes or goes in it, of a file when it is written, and of both when their rights do. */
function stateOf({ ino, mtimeMs, ctimeMs }: Stats): string {
  return `${ino}:${mtimeMs}:${ctimeMs}`;
}

/** Whether two findings of the same files say the same. */
function agree(a: Checkpoint, b: Checkpoint): boolean {
  if (a.state !== b.state || a.step !== b.step || a.stage !== b.stage || a.best !== b.best) return false;
  return a.pinned === b.pinned && a.backup?.folder === b.backup?.folder && a.backup?.time === b.backup?.time;
}
