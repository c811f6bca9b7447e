/**
 * Registers something to end when this process is told to stop. Returns a function that takes it off the list again.
 */
export declare function endWithProcess(end: () => void | Promise<void>): () => void;

/** Sends a signal to a whole process group that was started detached; false when it is gone already. */
export declare function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): boolean;
