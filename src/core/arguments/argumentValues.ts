/** Reading and checking the values of the trainer's arguments: what a person types, what argv and config.json hold. */
import { CurriculumError, parseCurriculum } from '../curriculum';

/** How an argument's value is read. */
export type ValueKind =
  | { readonly type: 'integer'; readonly minimum: number }
  | { readonly type: 'number'; readonly minimum: number; readonly exclusive: boolean }
  | { readonly type: 'flag' }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
  | { readonly type: 'text' }
  /** Repeated on the command line (`repeat`), or several words behind one flag. */
  | { readonly type: 'list'; readonly repeat: boolean }
  | { readonly type: 'layers' }
  | { readonly type: 'layerWeights' }
  | { readonly type: 'curriculum' }
  | { readonly type: 'device' };

const WHOLE = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** What is wrong with a typed value, in one line; null when it can be used. */
export function checkValue(kind: ValueKind, typed: string): string | null {
  const value = typed.trim();
  if (value === '') return 'Type a value.';
  switch (kind.type) {
    case 'integer':
      if (!WHOLE.test(value)) return `"${value}" is not a whole number.`;
      if (!Number.isSafeInteger(Number(value))) return `${value} is too large.`;
      return Number(value) < kind.minimum ? `${value} is below ${kind.minimum}.` : null;
    case 'number': {
      const number = DECIMAL.test(value) ? Number(value) : Number.NaN;
      if (!Number.isFinite(number)) return `"${value}" is not a number (5e-5 and 0.00005 are).`;
      if (number < kind.minimum || (kind.exclusive && number === kind.minimum)) {
        return `${value} is not ${kind.exclusive ? 'above' : 'at least'} ${kind.minimum}.`;
      }
      return null;
    }
    case 'flag':
      return readFlag(value) === null ? `"${value}" is neither true nor false.` : null;
    case 'choice':
      return kind.choices.includes(value) ? null : `"${value}" is not one of ${kind.choices.join(', ')}.`;
    case 'curriculum':
      try {
        parseCurriculum(value);
        return null;
      } catch (error) {
        if (!(error instanceof CurriculumError)) throw error;
        return error.message;
      }
    case 'layers':
      return checkLayers(value);
    case 'layerWeights':
      return checkLayerWeights(value);
    case 'device':
      return /^(auto|cpu|mps|cuda(:\d+)?)$/.test(value)
        ? null
        : `"${value}" is not one of auto, cpu, cuda, cuda:N, mps.`;
    case 'text':
    case 'list':
      // eslint-disable-next-line no-control-regex -- control characters are what is looked for
      return /[\u0000-\u001f]/.test(value) ? 'Control characters cannot be used here.' : null;
  }
}

const LAYER_WORDS = ['all', 'upper_half', 'lower_half', 'upper', 'lower'];

function checkLayers(value: string): string | null {
  const seen = new Set<number>();
  for (const part of value.split(/[\s,]+/)) {
    if (LAYER_WORDS.includes(part) || part === '') continue;
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (range?.[1] === undefined)
      return `"${part}" is not a layer: write 13,14,15 or 8-15 or all, upper_half, lower_half.`;
    const first = Number(range[1]);
    const last = range[2] === undefined ? first : Number(range[2]);
    if (last < first) return `"${part}" goes backwards: write ${last}-${first}.`;
    if (last > 1000) return `There is no layer ${last}.`;
    for (let layer = first; layer <= last; layer++) {
      if (seen.has(layer)) return `Layer ${layer} is named twice.`;
      seen.add(layer);
    }
  }
  return null;
}

function checkLayerWeights(value: string): string | null {
  if (value === 'uniform' || value === 'linear') return null;
  for (const part of value.split(',')) {
    const weight = DECIMAL.test(part.trim()) ? Number(part) : Number.NaN;
    if (!Number.isFinite(weight) || weight < 0) {
      return `"${part.trim()}" is not a weight: write uniform, linear or one number from 0 for each layer.`;
    }
  }
  return null;
}

function readFlag(value: string): boolean | null {
  if (/^(true|on|yes|1)$/i.test(value)) return true;
  if (/^(false|off|no|0)$/i.test(value)) return false;
  return null;
}

/** A value that passed checkValue, as config.json would hold it. */
export function readValue(kind: ValueKind, typed: string): unknown {
  const value = typed.trim();
  switch (kind.type) {
    case 'integer':
    case 'number':
      return Number(value);
    case 'flag':
      return readFlag(value);
    case 'list':
      return value.split(',').map((part) => part.trim());
    case 'layers':
      return readLayers(value) ?? value;
    case 'choice':
    case 'text':
    case 'layerWeights':
    case 'curriculum':
    case 'device':
      return value;
  }
}

/** Numbers of `13,14` and `8-15`, in the order typed; null for words, whose meaning depends on the model. */
export function readLayers(value: unknown): readonly number[] | null {
  if (Array.isArray(value)) return value.every((layer) => typeof layer === 'number') ? value : null;
  if (typeof value !== 'string') return null;
  const layers: number[] = [];
  for (const part of value.split(/[\s,]+/)) {
    if (part === '') continue;
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (range?.[1] === undefined) return null;
    for (let layer = Number(range[1]); layer <= Number(range[2] ?? range[1]); layer++) layers.push(layer);
  }
  return layers;
}

/** A value as one types it. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return (value as unknown[]).map(valueText).join(',');
  if (typeof value === 'string') return value;
  // 5e-5 rather than 0.00005: rates are compared by their exponents.
  if (typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential();
  return JSON.stringify(value);
}

/** The words that give an argument this value on the command line. */
export function valueArgv(name: string, kind: ValueKind, value: unknown): string[] {
  switch (kind.type) {
    case 'flag':
      return [value === true ? `--${name}` : `--no-${name}`];
    case 'list': {
      const items = Array.isArray(value) ? (value as unknown[]).map(valueText) : [valueText(value)];
      return kind.repeat ? items.flatMap((item) => [`--${name}`, item]) : [`--${name}`, ...items];
    }
    case 'integer':
    case 'number':
    case 'choice':
    case 'text':
    case 'layers':
    case 'layerWeights':
    case 'curriculum':
    case 'device': {
      const text = valueText(value);
      // argparse takes a word that begins with a dash for another flag unless it is joined on.
      return text.startsWith('-') ? [`--${name}=${text}`] : [`--${name}`, text];
    }
  }
}
