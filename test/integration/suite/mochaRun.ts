/** Mocha inside the extension host: a rejection stands for failed tests. */
import Mocha from 'mocha';

/** @param load registers the tests */
export async function runMocha(load: () => Promise<unknown>): Promise<void> {
  const output = process.env.NPT_TEST_REPORT;
  const mocha = new Mocha({
    ui: 'bdd',
    // Ends a test that hangs; a slow machine is no fault.
    timeout: 300_000,
    color: false,
    ...(output === undefined ? { reporter: 'spec' } : { reporter: 'json', reporterOptions: { output } }),
  });
  // The bundle registers its tests when it is loaded, which must happen between these two.
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  await load();
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} of the tests in the extension host failed.`);
}
