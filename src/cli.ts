#!/usr/bin/env node
/** The core from a shell (contract section 8): for login nodes, CI and scripts. */
import { messageOf } from './core/errors';
import { type Command, UsageError, helpOf, parseCommandLine } from './cli/options';
import { SUMMARIES } from './cli/summaries';
import { printable, printableJson } from './cli/table';
import type { PlanKind } from './core/training/plan/request';
import { isFileError, readFailure } from './core/files';
import { version } from '../package.json';

const train = (kind: PlanKind) => async () => (await import('./cli/train')).trainCommand(kind);

/** Each in a bundle of its own (esbuild.mjs): a command starts sooner when the others' code stays on the disk. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map<keyof typeof SUMMARIES, () => Promise<Command>>([
  ['list', async () => (await import('./cli/list')).listCommand],
  ['validate', async () => (await import('./cli/validate')).validateCommand],
  ['compare', async () => (await import('./cli/compare')).compareCommand],
  ['plan', async () => (await import('./cli/plan')).planCommand],
  ['metrics', async () => (await import('./cli/metrics')).metricsCommand],
  ['presets', async () => (await import('./cli/presets')).presetsCommand],
  ['start', train('start')],
  ['resume', train('resume')],
  ['extend', train('extend')],
  ['fine-tune', train('fine-tune')],
  ['debug', train('debug')],
  ['branch', train('branch')],
  ['re-run', train('re-run')],
  ['check', async () => (await import('./cli/check')).checkCommand],
  ['queue', async () => (await import('./cli/queue')).queueCommand],
  ['clean', async () => (await import('./cli/clean')).cleanCommand],
  ['backup', async () => (await import('./cli/backup')).backupCommand],
  ['restore', async () => (await import('./cli/restore')).restoreCommand],
  ['verify-backup', async () => (await import('./cli/verifyBackup')).verifyBackupCommand],
  ['rename', async () => (await import('./cli/rename')).renameCommand],
  ['stop', async () => (await import('./cli/stop')).stopRunCommand],
]);
const PROGRAM = 'npt-checkpoints';

function overview(): string {
  return [
    `Usage: ${PROGRAM} <command> [options]`,
    '',
    ...Object.values(SUMMARIES).map(({ usage, summary }) => `  ${usage.padEnd(48)} ${summary}`),
    '',
    `${PROGRAM} <command> --help tells more. --json prints one JSON document. --version prints the version.`,
    'Exit codes: 0 yes, 1 no, 2 wrong usage.',
  ].join('\n');
}

async function main(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === '--version' || name === '-v') {
    print(`${PROGRAM} ${version}`);
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    print(overview());
    return 0;
  }
  const load = COMMANDS.get(name ?? '');
  if (load === undefined) {
    const wrong = name === undefined ? 'Name a command' : `There is no command "${name}"`;
    throw new UsageError(`${wrong}: ${[...COMMANDS.keys()].join(', ')} (--help tells more).`);
  }
  const command = await load();
  if (rest.includes('--help') || rest.includes('-h')) {
    print(helpOf(PROGRAM, command));
    return 0;
  }
  const invocation = parseCommandLine(command, rest);
  const result = await command.run(invocation);
  if (invocation.json) print(printableJson(result.document, process.stdout.isTTY ? 2 : undefined));
  else if (result.text !== '') print(result.text);
  return result.yes ? 0 : 1;
}

/** Node's own errors of a path in our words. */
function failureText(error: unknown): string {
  const { path: where } = error as NodeJS.ErrnoException;
  if (isFileError(error) && where !== undefined) return `${where} ${readFailure(error)}.`;
  return messageOf(error);
}

function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

// The exit code is the answer, whoever reads. `| head` closes the pipe early and has enough; what a full disk or a lost
// terminal did not take is said where somebody may still see it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`error: the output was not written: ${printable(error.message)}\n`);
});
process.stderr.on('error', () => undefined);

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const message = failureText(error);
    process.stderr.write(`error: ${printable(message.split('\n')[0] ?? '')}\n`);
    process.exitCode = 2;
  },
);
