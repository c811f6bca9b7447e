/** Environment that keeps PyTorch fast on a machine that does other things too. */
export declare const SHARED_CPU: Readonly<Record<string, string>>;

/**
 * A run of the workspace that was interrupted in its mixed stage: the one of an earlier demo if nobody resumed it, else a
 * new one, trained now. Resolves to the run's name.
 */
export declare function interruptedRun(
  python: string,
  workspace: string,
  report: (line: string) => void,
): Promise<string>;

/** Asks every run that still trains in the workspace to save and stop, waits for them, and names them. */
export declare function stopTraining(workspace: string, limitMs: number): Promise<string[]>;
