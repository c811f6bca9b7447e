/**
 * trainer_state.json, as Hugging Face's Trainer writes it into each checkpoint, and at the end of many scripts beside them: its
 * log_history has every row since the run's first step, over all resumes.
 */
import path from 'node:path';
import { isThere } from '../../files';
import { asNumber, countIn, isObject, type JsonObject } from '../../jsonText';
import type { MetricsEvent } from '../events';
import { entriesIn, finite, type DocumentSource, type Logged } from './source';

export const TRAINER_STATE = 'trainer_state.json';

export const huggingFace: DocumentSource = { kind: 'document', find, parse };

const NAMES: ReadonlyMap<string, string> = new Map([
  ['loss', 'loss/total'],
  ['eval_loss', 'eval_loss/total'],
  ['learning_rate', 'training/learning_rate'],
  ['grad_norm', 'training/grad_norm'],
]);

/** Where a row is, not what was measured there. */
const NOT_METRICS = new Set(['step', 'epoch']);
/** Only the row that says what the whole training took has this, beside means over all of it. */
const SUMMARY = 'train_runtime';

/** Its checkpoints are at the top of a run, or in a folder there. */
const PLACES = ['', 'checkpoints'];
const CHECKPOINT = /^checkpoint-(\d{1,15})$/;
/** The newest may lack the file while it is being saved; a run of which several do was none of this trainer. */
const LOOKED_AT = 3;

/** The one at the top of the run, which may be older than its checkpoints, and that of the newest checkpoint that has one. */
async function find(runPath: string): Promise<readonly string[]> {
  const checkpoints: { readonly step: number; readonly file: string }[] = [];
  for (const place of PLACES) {
    for (const { name } of await entriesIn(path.join(runPath, place))) {
      const step = CHECKPOINT.exec(name)?.[1];
      if (step !== undefined)
        checkpoints.push({ step: Number(step), file: path.join(runPath, place, name, TRAINER_STATE) });
    }
  }
  const newestFirst = checkpoints.sort((a, b) => b.step - a.step).slice(0, LOOKED_AT);
  const found: string[] = [];
  for (const { file } of newestFirst) if (found.length === 0 && (await isThere(file))) found.push(file);
  const atTop = path.join(runPath, TRAINER_STATE);
  if (await isThere(atTop)) found.push(atTop);
  return found;
}

function parse(document: JsonObject): Logged {
  const history: readonly unknown[] = Array.isArray(document['log_history']) ? document['log_history'] : [];
  const events = history.flatMap((row) => (isObject(row) ? eventsOf(row) : []));
  return { step: countIn(document, 'global_step') ?? 0, events };
}

function eventsOf(row: JsonObject): MetricsEvent[] {
  const step = finite(row['step']);
  if (step === null || SUMMARY in row) return [];
  const values = Object.entries(row).flatMap(([key, raw]): [string, number][] => {
    const value = NOT_METRICS.has(key) ? null : asNumber(raw);
    return value === null ? [] : [[NAMES.get(key) ?? key, value]];
  });
  return [{ kind: 'metrics', segment: null, step, time: Number.NaN, values, stage: null, unmarked: true }];
}
