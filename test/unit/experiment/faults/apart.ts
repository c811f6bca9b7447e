/** A watched workspace in a process of its own that has less than others: rights, or file watches. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Workspace } from '../../../../src/core/experiment/model';
import type { Look } from '../../../../src/core/experiment/scan';
import { eventually } from '../../../eventually';
import { LIMIT_MS } from './shown';

export type Question =
  | { readonly kind: 'models' }
  | { readonly kind: 'due' }
  | { readonly kind: 'rescan'; readonly look: Look }
  | { readonly kind: 'allow'; readonly watches: number };

export interface Models {
  readonly shown: Workspace;
  /** By a fresh scan. */
  readonly found: Workspace;
  readonly degraded: string | null;
  readonly complete: boolean;
  /** How many scans there were so far. */
  readonly scans: number;
}

/** How many files a user may watch, and in how many groups, in a namespace of its own. */
export const LIMITS = { watches: '/proc/sys/user/max_inotify_watches', groups: '/proc/sys/user/max_inotify_instances' };
type Limit = keyof typeof LIMITS;

/** Whether this user may make a namespace and set limits there; containers and some systems do not let them. */
export const canLimit =
  process.platform === 'linux' &&
  spawnSync('unshare', ['-Ur', 'sh', '-c', `echo 5 > ${LIMITS.watches} && echo 5 > ${LIMITS.groups}`]).status === 0;

export class Apart {
  private readonly child: ChildProcess;
  private readonly ended: Promise<never>;

  private constructor(command: string, words: readonly string[]) {
    this.child = spawn(command, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.ended = new Promise((_, reject) => {
      this.child.once('error', reject);
      this.child.once('exit', (code, signal) => {
        reject(new Error(`the watching process ended with ${code ?? signal ?? 'nothing'}`));
      });
    });
    this.ended.catch(() => undefined);
  }

  private static words(root: string, how: string): string[] {
    return ['--import', 'tsx', path.join(import.meta.dirname, 'watchingProcess.ts'), root, how];
  }

  /** As somebody whom no file belongs to, where this process may do everything. */
  static withoutRights(root: string): Apart {
    return new Apart(process.execPath, Apart.words(root, 'nobody'));
  }

  /** With so many file watches, or groups of them, by the system where it can be told, else as if by it. */
  static withFew(limit: Limit, count: number, root: string): Apart {
    if (!canLimit) return new Apart(process.execPath, Apart.words(root, `${limit}=${count}`));
    const script = `echo ${count} > ${LIMITS[limit]} && exec "$0" "$@"`;
    return new Apart('unshare', ['-Ur', 'sh', '-c', script, process.execPath, ...Apart.words(root, '')]);
  }

  private async ask(question: Question): Promise<unknown> {
    const answer = new Promise<unknown>((resolve) => this.child.once('message', resolve));
    this.child.send(question);
    return Promise.race([answer, this.ended]);
  }

  async models(): Promise<Models> {
    return (await this.ask({ kind: 'models' })) as Models;
  }

  /** Lets the scan come that a timer starts. */
  async due(): Promise<void> {
    await this.ask({ kind: 'due' });
  }

  async rescan(look: Look): Promise<void> {
    await this.ask({ kind: 'rescan', look });
  }

  /** Has so many file watches from now on. */
  async allow(watches: number): Promise<void> {
    await this.ask({ kind: 'allow', watches });
  }

  /** Waits until the model is what a fresh scan finds, in every detail, and fulfils this. */
  async isTheDisk(fulfils: (models: Models) => boolean = () => true): Promise<Models> {
    const until = performance.now() + LIMIT_MS;
    for (;;) {
      const models = await this.models();
      if (models.complete && isDeepStrictEqual(models.shown, models.found) && fulfils(models)) return models;
      if (performance.now() > until) {
        assert.deepEqual(models.shown, models.found);
        assert.fail(`never what was waited for: ${JSON.stringify(models)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Waits until a while passes in which it does not scan. */
  async isAtRest(): Promise<void> {
    await eventually('an end of scanning', LIMIT_MS, async () => {
      const { scans } = await this.models();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return (await this.models()).scans === scans ? true : undefined;
    });
  }

  end(): void {
    this.child.kill('SIGKILL');
  }
}

/** Whether a right that is taken away keeps anybody from anything here. */
export const hasRights = process.platform !== 'win32';

/** Others may look at it: this process may be root, and the one that watches nobody. */
export function openToAll(root: string): void {
  fs.chmodSync(root, 0o755);
}
