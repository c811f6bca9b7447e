/** Time that this process worked: what a test may limit without failing where other programs keep the machine busy. */

/** Milliseconds of processor time that this process has used, all its threads together. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
