/**
 * Registers something to end when this process is told to stop. Returns a function that takes it off the list again.
 */
export declare function endWithProcess(end: () => void | Promise<void>): () => void;
