import { spawn } from 'node:child_process';
import { endWithProcess, signalGroup } from '../setup/ending.mjs';

/**
 * Runs a suite's program to its end and keeps what it printed.
 * @param {string[]} command program first; never goes through a shell
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, limitMs: number }} options past the limit its whole process group is ended
 * @returns {Promise<{ ok: boolean, how: string, output: string }>}
 */
export async function runProgram(command, { cwd, env, limitMs }) {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd,
    // Colour codes would end up in the failures' details.
    env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  });
  const end = (signal) => child.pid !== undefined && signalGroup(child.pid, signal);
  const forget = endWithProcess(() => void end('SIGTERM'));
  let output = '';
  let overran = false;
  child.stdout.on('data', (chunk) => (output += chunk.toString()));
  child.stderr.on('data', (chunk) => (output += chunk.toString()));
  const gentle = setTimeout(() => {
    overran = true;
    end('SIGTERM');
  }, limitMs);
  const hard = setTimeout(() => end('SIGKILL'), limitMs + 15_000);
  const ended = await new Promise((resolve) => {
    child.once('error', (error) => resolve({ ok: false, how: error.message }));
    child.once('close', (code, signal) => resolve({ ok: code === 0, how: signal ?? `exit code ${code}` }));
  });
  clearTimeout(gentle);
  clearTimeout(hard);
  forget();
  return {
    ok: ended.ok && !overran,
    how: overran ? `ended after ${limitMs / 1000} s without a result` : ended.how,
    output,
  };
}
