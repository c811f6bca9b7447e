/**
 * Reading and writing the values of the trainer's arguments. What a person types and what a config.json holds go through the
 * same reader, as in the trainer (trainer/npt/argument_table.py): what is clear is taken, the rest is refused in one line.
 */
import { CurriculumError, parseCurriculum } from '../curriculum';
import { valueText } from '../format';
import { splitSeparated } from './separated';

/** How an argument's value is read. */
export type ValueKind =
  | { readonly type: 'integer'; readonly minimum: number; readonly maximum: bigint }
  | { readonly type: 'number'; readonly minimum: number; readonly exclusive: boolean }
  /** `words` are other programs' names for its values. */
  | { readonly type: 'flag'; readonly words: Readonly<Record<string, boolean>> }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
  | { readonly type: 'text' }
  /** Repeated on the command line (`repeat`), or several words behind one flag. */
  | { readonly type: 'list'; readonly repeat: boolean }
  | { readonly type: 'layers' }
  | { readonly type: 'layerWeights' }
  | { readonly type: 'curriculum' }
  | { readonly type: 'device' };

/** The value cannot be used; `message` is one sentence. */
export class ValueRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ValueRefused';
  }
}

/** What is wrong with a typed value, in one line; null when it can be used. */
export function checkValue(kind: ValueKind, typed: string): string | null {
  return typed.trim() === '' ? 'Type a value.' : refusal(() => readTyped(kind, typed));
}

/** Why a value is refused, one sentence; null where it is read. */
export function refusal(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (error) {
    if (!(error instanceof ValueRefused)) throw error;
    return error.message;
  }
}

/** What a file holds where nobody gave a value. */
export function isNothing(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}

/** A typed value, or several behind commas where the argument is a list, as config.json would hold it. @throws ValueRefused */
export function readTyped(kind: ValueKind, typed: string): unknown {
  return readValue(kind, kind.type === 'list' ? splitSeparated(typed, ',') : typed);
}

export function isNumeric(kind: ValueKind): boolean {
  return kind.type === 'integer' || kind.type === 'number';
}

/** A typed text or a stored value as our config.json would hold it. @throws ValueRefused */
export function readValue(kind: ValueKind, given: unknown): unknown {
  const value = typeof given === 'string' ? given.trim() : given;
  if (value === '') throw new ValueRefused('It is empty.');
  switch (kind.type) {
    case 'integer':
      return readInteger(kind, value);
    case 'number': {
      const number = numberOf(value);
      if (number === null) throw new ValueRefused(`${shown(value)} is not a number (5e-5 and 0.00005 are).`);
      const double = Number(number);
      if (double < kind.minimum || (kind.exclusive && double === kind.minimum)) {
        throw new ValueRefused(`${shown(value)} is not ${kind.exclusive ? 'above' : 'at least'} ${kind.minimum}.`);
      }
      // Adding zero makes a negative zero a plain one.
      return double + 0;
    }
    case 'flag': {
      const flag = readFlag(kind.words, value);
      if (flag === null) throw new ValueRefused(`${shown(value)} is neither true nor false.`);
      return flag;
    }
    case 'choice':
      if (typeof value === 'string' && kind.choices.includes(value)) return value;
      throw new ValueRefused(`${shown(value)} is not one of ${kind.choices.join(', ')}.`);
    case 'text':
      return readText(value);
    case 'list':
      return (Array.isArray(value) ? (value as unknown[]) : [value]).map((item) => {
        if (typeof item === 'string' && item.trim() === '') throw new ValueRefused('It has an empty entry.');
        return readText(item);
      });
    case 'layers':
      return readLayerList(value);
    case 'layerWeights':
      return readLayerWeights(value);
    case 'curriculum':
      return readCurriculum(value);
    case 'device':
      if (typeof value === 'string' && /^(auto|cpu|mps|cuda(:\d+)?)$/.test(value)) return value;
      throw new ValueRefused(`${shown(value)} is not one of auto, cpu, cuda, cuda:N, mps.`);
  }
}

const LONGEST_SHOWN = 60;

/** A value in a message: texts in quotes, cut where it is long. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : valueText(value) || String(value);
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN - 1)}…`;
}

const WHOLE = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A finite number, from a number or its text, exact where it is whole; null for anything else. */
export function numberOf(value: unknown): number | bigint | null {
  if (typeof value === 'bigint') return Number.isFinite(Number(value)) ? value : null;
  if (typeof value === 'string') {
    if (!DECIMAL.test(value)) return null;
    const number = Number(value);
    if (!Number.isFinite(number)) return null;
    return WHOLE.test(value) && !Number.isSafeInteger(number) ? BigInt(value.replace(/^\+/, '')) : number;
  }
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A number up to 2^53, beyond that a bigint. */
function readInteger(kind: { readonly minimum: number; readonly maximum: bigint }, value: unknown): number | bigint {
  const number = numberOf(value);
  if (number === null || (typeof number === 'number' && !Number.isInteger(number))) {
    throw new ValueRefused(`${shown(value)} is not a whole number.`);
  }
  if (number > kind.maximum) {
    throw new ValueRefused(`${shown(value)} is too large: ${kind.maximum} is the largest that can be used.`);
  }
  if (number < kind.minimum) throw new ValueRefused(`${shown(value)} is below ${kind.minimum}.`);
  const exact = BigInt(number);
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
}

function readFlag(words: Readonly<Record<string, boolean>>, value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  if (value === 0 || value === 1) return value === 1;
  if (typeof value !== 'string') return null;
  if (/^(true|on|yes|1)$/i.test(value)) return true;
  if (/^(false|off|no|0)$/i.test(value)) return false;
  const word = value.toLowerCase();
  return Object.hasOwn(words, word) ? (words[word] ?? null) : null;
}

function readText(value: unknown): string {
  const text = typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
  if (typeof text === 'bigint') return text.toString();
  if (typeof text !== 'string') throw new ValueRefused(`${shown(value)} is not a text.`);
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f]/.test(text)) throw new ValueRefused('Control characters cannot be used here.');
  return text;
}

const LAYER_WORDS = ['all', 'upper_half', 'lower_half', 'upper', 'lower'];
const LAYER_NUMBER = { minimum: 0, maximum: 9999n };

/** Numbers in the order typed; text with words in it, whose meaning depends on the model, stays as it is. */
function readLayerList(value: unknown): readonly (number | bigint)[] | string {
  let layers: (number | bigint)[] = [];
  let words = false;
  if (typeof value === 'string') {
    for (const part of value.split(/[\s,]+/)) {
      if (part === '') continue;
      const range = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
      if (LAYER_WORDS.includes(part)) words = true;
      else if (range?.[1] === undefined)
        throw new ValueRefused(`${shown(part)} is not a layer: write 13,14,15 or 8-15 or all, upper_half, lower_half.`);
      else layers.push(...layerRange(part, Number(range[1]), Number(range[2] ?? range[1])));
    }
  } else
    layers = (Array.isArray(value) ? (value as unknown[]) : [value]).map((item) => readInteger(LAYER_NUMBER, item));
  const twice = layers.find((layer, at) => layers.indexOf(layer) !== at);
  if (twice !== undefined) throw new ValueRefused(`Layer ${twice} is named twice.`);
  if (words && typeof value === 'string') return value;
  if (layers.length === 0) throw new ValueRefused(`${shown(value)} names no layer.`);
  return layers;
}

function layerRange(part: string, first: number, last: number): number[] {
  if (last < first) throw new ValueRefused(`"${part}" goes backwards: write ${last}-${first}.`);
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

function readLayerWeights(value: unknown): string {
  if (value === 'uniform' || value === 'linear') return value;
  const parts = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? (value as unknown[]) : [value];
  for (const part of parts) {
    const weight = numberOf(typeof part === 'string' ? part.trim() : part);
    if (weight === null || weight < 0) {
      throw new ValueRefused(
        `${shown(part)} is not a weight: write uniform, linear or one number from 0 for each layer.`,
      );
    }
  }
  if (parts.length === 0) throw new ValueRefused('It names no weight.');
  return typeof value === 'string' ? value : parts.map(String).join(',');
}

function readCurriculum(value: unknown): string {
  if (typeof value !== 'string') {
    throw new ValueRefused(`${shown(value)} is not a curriculum such as teacher:5000,mixed:5000:0.5,student:20000.`);
  }
  try {
    parseCurriculum(value);
  } catch (error) {
    if (!(error instanceof CurriculumError)) throw error;
    throw new ValueRefused(error.message);
  }
  return value;
}

/** Numbers of `13,14` and `8-15`, in the order typed; null for words, whose meaning depends on the model. */
export function readLayers(value: unknown): readonly number[] | null {
  try {
    const layers = readLayerList(value);
    return typeof layers === 'string' ? null : layers.map(Number);
  } catch (error) {
    if (error instanceof ValueRefused) return null;
    throw error;
  }
}

/** The words that give an argument this value on the command line. */
export function valueArgv(name: string, kind: ValueKind, value: unknown): string[] {
  switch (kind.type) {
    case 'flag':
      return [value === true ? `--${name}` : `--no-${name}`];
    case 'list': {
      const items = Array.isArray(value) ? (value as unknown[]).map(valueText) : [valueText(value)];
      // argparse takes a word that begins with a dash for another flag unless it is joined on.
      if (kind.repeat) return items.flatMap((item) => flagged(name, item));
      return [`--${name}`, ...items];
    }
    case 'integer':
    case 'number':
    case 'choice':
    case 'text':
    case 'layers':
    case 'layerWeights':
    case 'curriculum':
    case 'device':
      return flagged(name, valueText(value));
  }
}

function flagged(name: string, text: string): string[] {
  return text.startsWith('-') ? [`--${name}=${text}`] : [`--${name}`, text];
}
