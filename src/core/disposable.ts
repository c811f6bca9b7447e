/** Something with an end; structurally the same as vscode.Disposable, without importing it. */
export interface Ends {
  dispose(): void;
}

/**
 * Owner of things that must end. Whoever creates a timer, watcher, process or listener registers it here, so that nothing
 * outlives its owner (docs/architecture.md, rule 2). Ends in reverse order of registration.
 */
export abstract class Disposable implements Ends {
  private owned: Ends[] = [];
  private ended = false;

  /** True after dispose(): late callbacks check it before touching anything. */
  protected get isDisposed(): boolean {
    return this.ended;
  }

  protected _register<T extends Ends>(thing: T): T {
    if (this.ended) thing.dispose();
    else this.owned.push(thing);
    return thing;
  }

  dispose(): void {
    if (this.ended) return;
    this.ended = true;
    for (const thing of this.owned.reverse()) thing.dispose();
    this.owned = [];
  }
}
