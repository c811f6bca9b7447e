/** Types of server.mjs, which is plain JavaScript because it runs before anything is installed. */

/** An installed VS Code (tools/setup/vscode-host.mjs). */
export interface VscodeHost {
  readonly node: string;
  readonly serverMain: string;
  readonly version: string;
}

export interface WorkbenchFolders {
  /** Default: `data` in the data folder. */
  readonly userDataFolder?: string;
  /** Default: `extensions` in the data folder. */
  readonly extensionsFolder?: string;
}

export interface WorkbenchOptions extends WorkbenchFolders {
  /** User settings for a fresh user-data folder, over {@link QUIET_SETTINGS}; an existing settings.json is left alone. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Settings of scope machine (interpreters, launchers): a served VS Code takes those from the machine, not from the user. */
  readonly machineSettings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** More switches of the server, e.g. `--disable-workspace-trust`. */
  readonly args?: readonly string[];
}

export interface Workbench {
  readonly port: number;
  readonly pid: number;
  readonly userData: string;
  readonly settingsFile: string;
  /** Resolves to the exit code, signal or error when the server has ended. */
  readonly exited: Promise<number | string>;
  /** The address of a window on a folder or .code-workspace (none: an empty window), with the connection token. */
  address(folder?: string, extra?: Readonly<Record<string, string>>): string;
  /** Ends the server, its extension hosts and its terminals; safe to call twice. */
  stop(): Promise<void>;
  /** The end of what the server has printed. */
  log(): string;
}

export declare const QUIET_SETTINGS: Readonly<Record<string, unknown>>;

/**
 * Installs a packaged extension for a later {@link startWorkbench} with the same folders.
 * @throws when VS Code refuses it, with its reason in one line
 */
export declare function installExtension(
  host: VscodeHost,
  dataFolder: string,
  vsix: string,
  options?: WorkbenchFolders,
): void;

/**
 * Starts the server on a free port of 127.0.0.1 behind a connection token; it ends with this process.
 * @throws when it does not come up
 */
export declare function startWorkbench(
  host: VscodeHost,
  dataFolder: string,
  options?: WorkbenchOptions,
): Promise<Workbench>;
