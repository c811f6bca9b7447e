/**
 * Validation to level structure inside one process, as the extension's worker does it once it runs.
 * usage: tsx tools/bench/warm.ts CHECKPOINT SCRATCH (a large checkpoint; a folder to put 1,000 small ones into)
 */
import { cpSync } from 'node:fs';
import path from 'node:path';
import { validateCheckpoint } from '../../src/core/checkpoint/validate/validate';

const SMALL = path.join(__dirname, '../../test/fixtures/checkpoints/ours-dual/checkpoint-30');

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

async function validate(checkpoint: string): Promise<number> {
  const report = await validateCheckpoint(checkpoint, { level: 'structure', blocking: true });
  if (report.verdict !== 'valid') throw new Error(`${checkpoint} is ${report.verdict}`);
  return report.seconds * 1000;
}

async function main(large: string, scratch: string): Promise<void> {
  for (let i = 0; i < 20; i++) await validate(large);
  const times: number[] = [];
  for (let i = 0; i < 21; i++) times.push(await validate(large));
  process.stdout.write(`a 1B model's checkpoint to level structure: ${median(times).toFixed(1)} ms (median of 21)\n`);
  const folders = Array.from({ length: 1000 }, (_, i) => path.join(scratch, 'small', String(i), 'checkpoint-30'));
  for (const folder of folders) cpSync(SMALL, folder, { recursive: true });
  const began = performance.now();
  for (const folder of folders) await validate(folder);
  process.stdout.write(
    `1,000 small checkpoints to level structure: ${((performance.now() - began) / 1000).toFixed(2)} s\n`,
  );
}

const [large, scratch] = process.argv.slice(2);
if (large === undefined || scratch === undefined) throw new Error('usage: tsx tools/bench/warm.ts CHECKPOINT SCRATCH');
main(large, scratch).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
