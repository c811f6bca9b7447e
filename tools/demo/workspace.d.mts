/**
 * The demo's workspace: an existing one is used as it is, nothing in it is overwritten.
 * @param root the clone
 * @param named the folder that the user asked for; default: one in the cache folder
 */
export declare function demoWorkspace(root: string, named?: string): { folder: string; isNew: boolean };
