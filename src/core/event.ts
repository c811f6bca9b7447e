/** Telling listeners of something, with the shape of VS Code's events, for code that runs without VS Code. */
import { Disposable, type Ends } from './disposable';

/** Calls back from now on, until what it returns is disposed of. */
export type Event<T> = (listener: (value: T) => void) => Ends;

export class Emitter<T> extends Disposable {
  private readonly listeners = new Set<(value: T) => void>();

  constructor() {
    super();
    this._register({
      dispose: () => {
        this.listeners.clear();
      },
    });
  }

  readonly event: Event<T> = (listener) => {
    // A listener of its own, so that one that listens twice is told twice and ends once.
    const own = (value: T): void => {
      listener(value);
    };
    if (!this.isDisposed) this.listeners.add(own);
    return { dispose: () => void this.listeners.delete(own) };
  };

  fire(value: T): void {
    for (const listener of [...this.listeners]) listener(value);
  }
}
