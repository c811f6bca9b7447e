/** Running other programs: quietly with a log, or only to ask whether they are there. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, appendFileSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from './cache.mjs';
import { endWithProcess, signalGroup } from './ending.mjs';
import { SetupError } from './failure.mjs';

/**
 * The output of a program that answers at once, or null when it is missing or fails.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function ask(command, args, options = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  return result.error !== undefined || result.status !== 0 ? null : result.stdout.trim();
}

/**
 * Where a program is; undefined where it is nowhere.
 * @param {string} name
 * @param {string[]} [besides] folders to look in besides those of the PATH
 */
export function onPath(name, besides = []) {
  for (const folder of [...(process.env.PATH ?? '').split(path.delimiter), ...besides]) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/** The line of a failed program's output that most likely says why: the first that names an error and says something. */
function reason(output) {
  const lines = output
    .split(/\r?\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^npm (warn|notice|http)|^npm error (code|A complete log)|^at /i.test(line));
  const telling = lines.find(
    (line) => /^(npm )?(error|err!|e:|fatal)|\[error\]/i.test(line) && line.split(/\s+/).length > 3,
  );
  return telling ?? lines.at(-1) ?? 'no output';
}

/** Lines that would stand for minutes without saying what goes on (pip is silent while it unpacks). */
const UNTELLING =
  /^\s*(npm warn.*|WARNING:.*|(Attempting uninstall|Found existing installation|Uninstalling|Successfully uninstalled).*|)$/i;

/**
 * Runs a program to its end, its output in a log file of the cache folder.
 * @param {string} what names the work in a failure's one line, e.g. "npm ci"
 * @param {string[]} command program first; never goes through a shell
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, report?: (line: string) => void }} [options]
 * @returns {Promise<string>} what it printed on both streams
 * @throws {SetupError} when it cannot be started or fails
 */
export async function runLogged(what, command, { cwd, env, report } = {}) {
  const folder = path.join(cacheFolder(), 'logs');
  mkdirSync(folder, { recursive: true });
  const log = path.join(folder, `${what.replace(/[^\w.-]+/g, '-')}-${process.pid}.log`);
  writeFileSync(log, `$ ${command.join(' ')}\n`);
  const [program, ...args] = command;
  // Detached: its own process group, so that whatever it started ends with it.
  const child = spawn(program, args, {
    cwd,
    env: env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
    shell: process.platform === 'win32' && !path.isAbsolute(program),
  });
  const forget = endWithProcess(() => {
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGTERM');
  });
  let output = '';
  const take = (chunk) => {
    const text = chunk.toString();
    output += text;
    appendFileSync(log, text);
    const line = text.split(/\r?\n|\r/).findLast((candidate) => !UNTELLING.test(candidate));
    // npm names whole addresses as it fetches: the file's name is what tells that it moves.
    if (line !== undefined) report?.(`${what}: ${line.replace(/^npm http .*\/([^/\s]+)(\s.*)?$/, '$1')}`);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = await new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  forget();
  if (ended.error !== undefined) throw new SetupError(`${what} could not be started (${ended.error.message}).`);
  if (ended.code !== 0) {
    const how = ended.signal === null ? `exit code ${ended.code}` : ended.signal;
    throw new SetupError(`${what} failed (${how}): ${reason(output)} [all output: ${log}]`);
  }
  return output;
}
