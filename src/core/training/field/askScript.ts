/**
 * Asking another trainer's script for its options, with `--help`. It may print whatever else, load torch first, or hang: an
 * answer is kept, in this user's cache folder, for as long as the script is the same file.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isFileError } from '../../files';
import { readJsonObject } from '../../jsonFile';
import { numberIn, stringIn } from '../../jsonText';
import { lastLine, runProgram } from '../../runProgram';
import { cacheFolder, keepInCache } from '../../userCache';
import { readHelp, type ScriptHelp } from './help';

/** What a script needs to answer; torch from a network disk takes its time. */
const ANSWERS_WITHIN_MS = 60_000;
/** What it imports may change while the script itself does not. */
const KEPT_SECONDS = 24 * 3600;
/** A script that failed is not asked again at each change of a plan. */
const FAILURE_KEPT_MS = 30_000;
const SCHEMA = 1;

export interface ScriptQuestion {
  readonly interpreter: string;
  /** Absolute. */
  readonly script: string;
  /** Absolute path of the folder that it would train in. */
  readonly folder: string;
  /** Of the trainer's environment, on top of this process's. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Its options, or why they are not known, as a clause. */
export type ScriptAnswer = { readonly help: ScriptHelp } | { readonly failure: string };

export type AskScript = (question: ScriptQuestion) => Promise<ScriptAnswer>;

export interface AskingHow {
  /** Absolute path of the folder that answers are kept in. */
  readonly cache?: string;
  readonly limitMs?: number;
}

/** Questions that are being asked, and answers, by the file that keeps them: it is named for the script as it was then. */
const asked = new Map<string, Promise<ScriptAnswer>>();

/** Runs the script, for trusted workspaces only. How that went is the answer: it never rejects for it. */
export async function askScript(question: ScriptQuestion, how: AskingHow = {}): Promise<ScriptAnswer> {
  const { interpreter, script, folder, variables } = question;
  const { cache = cacheFolder('script-help'), limitMs = ANSWERS_WITHIN_MS } = how;
  let identity: string;
  try {
    const { size, mtimeMs } = await stat(script);
    identity = createHash('sha256')
      .update(JSON.stringify([interpreter, script, folder, variables, size, mtimeMs]))
      .digest('hex');
  } catch (error) {
    if (!isFileError(error)) throw error;
    return { failure: 'it cannot be looked at' };
  }
  const file = path.join(cache, `${identity.slice(0, 32)}.json`);
  const known = asked.get(file);
  if (known !== undefined) return known;
  const asking = answerOf(question, file, limitMs);
  asked.set(file, asking);
  const forget = (afterMs: number): void => {
    setTimeout(() => asked.delete(file), afterMs).unref();
  };
  const answer = await asking;
  forget('help' in answer ? KEPT_SECONDS * 1000 : FAILURE_KEPT_MS);
  return answer;
}

async function answerOf(question: ScriptQuestion, file: string, limitMs: number): Promise<ScriptAnswer> {
  const kept = readHelp((await keptText(file)) ?? '');
  if (kept !== null) return { help: kept };
  const { interpreter, script, folder, variables } = question;
  const { output, errors, code, ended } = await runProgram(interpreter, [script, '--help'], {
    folder,
    limitMs,
    // Lines that are not wrapped, without colours.
    environment: { ...process.env, ...variables, COLUMNS: '2000', NO_COLOR: '1', TERM: 'dumb' },
  });
  const help = code === 0 ? readHelp(output) : null;
  if (help === null) {
    return {
      failure: ended ?? (code === 0 ? 'its --help lists no options' : (lastLine(errors) ?? `it ended with ${code}`)),
    };
  }
  // What cannot be kept is asked again.
  await keepInCache(file, JSON.stringify({ schema: SCHEMA, asked: Date.now() / 1000, help: output }));
  return { help };
}

async function keptText(file: string): Promise<string | null> {
  const { object } = await readJsonObject(file);
  if (object?.schema !== SCHEMA) return null;
  const age = Date.now() / 1000 - (numberIn(object, 'asked') ?? 0);
  return age >= 0 && age < KEPT_SECONDS ? stringIn(object, 'help') : null;
}
