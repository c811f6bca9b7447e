import { isStopping } from './ending.mjs';

/**
 * A thing that the machine lacks or that went wrong while preparing it, as one line for a person: what is missing, and
 * what to do. Commands print its message and exit; a stack trace would only hide it.
 */
export class SetupError extends Error {
  /** @param {string} message one line */
  constructor(message) {
    super(message.replace(/\s*\n\s*/g, ' ').trim());
    this.name = 'SetupError';
  }
}

/**
 * Runs a command's main function: a SetupError becomes its one line and exit code 1, anything else keeps its stack, since
 * it is a mistake of ours that somebody will have to find.
 * @param {() => Promise<number | void>} main resolves to the exit code (0 when it returns nothing)
 */
export async function runCommand(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    // What was ended by Ctrl+C did not fail; ending.mjs exits with the signal's code.
    if (isStopping()) return;
    if (error instanceof SetupError) console.error(`\n✗ ${error.message}`);
    else console.error(error);
    process.exitCode = 1;
  }
}

/** Ends at once, in one line, on a Node that cannot run this project (package.json, engines). */
export function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 20) return;
  console.error(
    `✗ Node.js 20 or newer is needed, this is ${process.versions.node}: install a newer one and run this again.`,
  );
  process.exit(1);
}
