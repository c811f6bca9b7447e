/** Where a training workspace's own Python environment is. */
import path from 'node:path';

export const ENVIRONMENT = '.venv';

/** Where the interpreter of a workspace's own environment is. */
export function environmentPython(root: string): string {
  return path.join(
    root,
    ENVIRONMENT,
    ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
  );
}
