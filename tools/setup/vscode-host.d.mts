import type { VscodeHost } from '../vscode-host/server.mjs';

/**
 * The VS Code that the demo serves and the tests drive, installed first where it is missing.
 * @throws in one line where it cannot be had
 */
export declare function ensureVscodeHost(): Promise<VscodeHost>;
