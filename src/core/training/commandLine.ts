/** A command as a person would type it: for showing and copying, and for Slurm's batch script, which alone is run by a shell. */

/** POSIX quoting: bare where no character is special to a shell, else single quotes. */
export function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** argv → one line that a POSIX shell reads back as the same argv. */
export function shellCommand(argv: readonly string[]): string {
  return argv.map(quoteArgument).join(' ');
}
