/** Programs in the Python that `npm test` prepares: the trainer's, with torch. */
import { spawn } from 'node:child_process';
import { SHARED_CPU } from '../../tools/demo/training.mjs';

/** The interpreter. Throws where the suite was not started by `npm test`, which prepares one. */
export function python(): string {
  const interpreter = process.env['NPT_TEST_PYTHON'];
  if (interpreter === undefined || interpreter === '')
    throw new Error('NPT_TEST_PYTHON is not set: start this suite with `npm test -- --only torch`.');
  return interpreter;
}

/** Runs a Python program to its end and returns what it printed. Rejects with its last lines when it fails. */
export async function runPython(args: readonly string[]): Promise<string> {
  const child = spawn(python(), args, { env: { ...process.env, ...SHARED_CPU }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`python ${args.join(' ')} ended with ${code}:\n${errors.slice(-2000)}`);
  return output;
}
