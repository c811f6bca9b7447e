/** $NPT_CHECKPOINTS_CACHE, else npt-checkpoints in the user's cache folder. */
export declare function cacheFolder(): string;

/** The tool's folder when it is completely installed, else undefined. */
export declare function installed(tool: string, key: string): string | undefined;

/** The tool's folder, made first where it is missing; see cache.mjs. */
export declare function install(
  tool: string,
  key: string,
  report: (line: string) => void,
  make: (folder: string) => Promise<void>,
): Promise<string>;
