import type { VscodeHost } from '../vscode-host/server.mjs';

/** The newest VS Code, or the oldest that the extension promises to run in. */
export type VscodeRelease = 'newest' | 'oldest';

/**
 * A VS Code that the demo serves and the tests drive, installed first where it is missing.
 * @throws in one line where it cannot be had
 */
export declare function ensureVscodeHost(release?: VscodeRelease): Promise<VscodeHost>;
