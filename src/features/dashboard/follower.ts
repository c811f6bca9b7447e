/** When to look at a run's files again: several times a second, and at once where the system tells of a change. */
import { watch, type FSWatcher } from 'node:fs';
import { Disposable } from '../../core/disposable';

const POLL_MS = 300;

export class Follower extends Disposable {
  private timer: NodeJS.Timeout | undefined;
  private hint: FSWatcher | undefined;
  private hinted = '';

  constructor(private readonly look: () => void) {
    super();
    this._register({
      dispose: () => {
        this.stop();
      },
    });
  }

  get isOn(): boolean {
    return this.timer !== undefined;
  }

  /** Looks from now on, and is told of changes in this run's folder. */
  follow(runPath: string): void {
    this.timer ??= setInterval(this.look, POLL_MS);
    if (this.hinted === runPath) return;
    this.hint?.close();
    this.hinted = runPath;
    try {
      // A hint only: on network disks nothing comes, and the timer finds it.
      this.hint = watch(runPath, (_event, file) => {
        if (file?.endsWith('.jsonl') === true) this.look();
      });
      this.hint.on('error', () => {
        this.hint?.close();
      });
    } catch {
      this.hint = undefined;
    }
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.hint?.close();
    this.hint = undefined;
    this.hinted = '';
  }
}
