/** Environment that keeps PyTorch fast on a machine that does other things too. */
export declare const SHARED_CPU: Readonly<Record<string, string>>;

/** Trains a new run of the workspace and interrupts it in its mixed stage. Resolves to the run's name. */
export declare function makeInterruptedRun(
  python: string,
  workspace: string,
  report: (line: string) => void,
): Promise<string>;

/** Asks every run that still trains in the workspace to save and stop, waits for them, and names them. */
export declare function stopTraining(workspace: string, limitMs: number): Promise<string[]>;
