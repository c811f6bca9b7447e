/** The journey for `npm run demo -- --headless`: input as JSON in NPT_JOURNEY, a line a part, exit code 1 when one fails. */
import { JOURNEY } from './journey';
import { openSession, type JourneyInput } from './session';

async function main(): Promise<number> {
  const input = JSON.parse(process.env.NPT_JOURNEY ?? '{}') as JourneyInput;
  const session = await openSession(input);
  try {
    for (const part of JOURNEY) {
      const started = performance.now();
      try {
        await part.run(session);
      } catch (error) {
        await session.failureShot();
        console.error(`✗ ${part.title}: ${error instanceof Error ? error.message : String(error)}`);
        return 1;
      }
      console.log(`✓ ${part.title} (${Math.round((performance.now() - started) / 1000)} s)`);
    }
  } finally {
    await session.close();
  }
  console.log(`The pictures are in ${input.screenshots}`);
  return 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(`✗ ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  },
);
