/** Text that goes to Slurm's programs. */

/** Whether it is one line, and nothing that no program's argument can hold. */
export function lineOf(text: string): boolean {
  return !/[\0\r\n]/.test(text);
}

/** A path as sbatch's --output takes it literally: `%` begins a replacement there. */
export function literalPath(path: string): string {
  return path.replaceAll('%', '%%');
}
