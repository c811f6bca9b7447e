/** The switches of VS Code's executable that \@vscode/test-electron and its users pass. */

export interface ShimArguments {
  readonly extensionDevelopmentPaths: readonly string[];
  readonly extensionTestsPath: string | undefined;
  /** Folder or .code-workspace to open. */
  readonly open: string | undefined;
  readonly userDataFolder: string | undefined;
  readonly extensionsFolder: string | undefined;
  readonly disableExtensions: boolean;
  readonly disableWorkspaceTrust: boolean;
}

/** Those whose value may follow as an argument of its own; any other switch takes one only behind `=`. */
const WITH_VALUE = new Set([
  'extensionDevelopmentPath',
  'extensionTestsPath',
  'extensions-dir',
  'user-data-dir',
  'folder-uri',
  'file-uri',
  'log',
  'profile',
  'disable-extension',
  'crash-reporter-directory',
  'locale',
]);

/** Reads a command line as VS Code would; switches that mean nothing without Electron are passed over. */
export function parseArguments(argv: readonly string[]): ShimArguments {
  const switches = new Map<string, string[]>();
  const positional: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index]!;
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(argument);
    if (match === null) {
      positional.push(argument);
      continue;
    }
    const name = match[1]!;
    let value = match[2];
    if (value === undefined && WITH_VALUE.has(name)) {
      index += 1;
      value = argv[index];
    }
    switches.set(name, [...(switches.get(name) ?? []), value ?? '']);
  }
  const last = (name: string): string | undefined => switches.get(name)?.at(-1);
  const folderUri = last('folder-uri');
  return {
    extensionDevelopmentPaths: switches.get('extensionDevelopmentPath') ?? [],
    extensionTestsPath: last('extensionTestsPath'),
    open: positional[0] ?? (folderUri === undefined ? undefined : decodeURIComponent(new URL(folderUri).pathname)),
    userDataFolder: last('user-data-dir'),
    extensionsFolder: last('extensions-dir'),
    disableExtensions: switches.has('disable-extensions'),
    disableWorkspaceTrust: switches.has('disable-workspace-trust'),
  };
}
