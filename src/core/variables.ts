/**
 * Variables in settings, as VS Code's own settings and tasks know them (code.visualstudio.com/docs/reference/
 * variables-reference): VS Code itself expands none in an extension's settings.
 */
import path from 'node:path';

export interface VariableScope {
  /** Absolute path of the folder that the setting is read for. */
  readonly workspaceFolder: string;
  /** Absolute paths of all open folders by name, for `${workspaceFolder:name}`. */
  readonly namedFolders?: ReadonlyMap<string, string>;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * A path from a setting: blanks around it taken off, `~` and variables replaced. What cannot be replaced stays as it is
 * written, so that whoever reads the path in a message sees what is wrong with it.
 */
export function expandPath(text: string, scope: VariableScope): string {
  const trimmed = text.trim();
  const tilde = /^~(?=$|[\\/])/.test(trimmed) ? scope.home + trimmed.slice(1) : trimmed;
  return tilde.replace(/\$\{([^{}]*)\}/g, (whole, name: string) => valueOf(name.trim(), scope) ?? whole);
}

function valueOf(name: string, scope: VariableScope): string | undefined {
  const [kind, argument] = name.includes(':')
    ? [name.slice(0, name.indexOf(':')), name.slice(name.indexOf(':') + 1)]
    : [name];
  switch (kind) {
    case 'workspaceFolder':
    case 'workspaceRoot':
      return argument === undefined ? scope.workspaceFolder : scope.namedFolders?.get(argument);
    case 'workspaceFolderBasename':
      return path.basename(scope.workspaceFolder);
    case 'userHome':
      return scope.home;
    case 'env':
      // As VS Code does it: a variable that is not set is empty.
      return argument === undefined ? undefined : (scope.env[argument] ?? '');
    case 'pathSeparator':
    case '/':
      return path.sep;
    default:
      return undefined;
  }
}
