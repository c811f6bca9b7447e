/**
 * Looks into texts and byte strings that spell a pickle another way: base64, hex, zlib, gzip, one inside the other.
 * Loading the file runs nothing of it; a program that decodes them and goes on loading would.
 */
import { gunzipSync, inflateSync, constants } from 'node:zlib';

/** Layers of encoding that are taken off. */
const MAX_LAYERS = 4;
const SHORTEST = 8;
const LONGEST = 16 * 1024 * 1024;

/** What is left of the work that one file may cause. */
export interface DecodingBudget {
  bytes: number;
  tries: number;
}

export const DECODING_BUDGET: Readonly<DecodingBudget> = { bytes: 64 * 1024 * 1024, tries: 100_000 };

export interface Decoded {
  readonly bytes: Uint8Array;
  /** The encodings, the outermost first. */
  readonly how: readonly string[];
}

/** Everything that a text decodes to, and what that decodes to. Random text gives bytes that mean nothing, soon. */
export function decodingsOfText(text: string, budget: DecodingBudget): Decoded[] {
  const found: Decoded[] = [];
  fromText(text, [], budget, found, true);
  return found;
}

/** The same of a byte string, but for itself. */
export function decodingsOfBytes(bytes: Uint8Array, budget: DecodingBudget): Decoded[] {
  const found: Decoded[] = [];
  fromBytes(bytes, [], budget, found);
  return found;
}

function fromText(
  text: string,
  how: readonly string[],
  budget: DecodingBudget,
  found: Decoded[],
  asItIs = false,
): void {
  if (text.length < SHORTEST || text.length > LONGEST || how.length >= MAX_LAYERS || (budget.tries -= 1) < 0) return;
  // A pickle of protocol 0 is text itself.
  if (asItIs && /^[\0-\xff]*\.$/.test(text)) add(Buffer.from(text, 'latin1'), ['plain text'], budget, found);
  const digits = text.replace(/\\x|0x|[\s:,]/g, '');
  if (digits.length >= SHORTEST && digits.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(digits))
    add(Buffer.from(digits, 'hex'), [...how, 'hex'], budget, found);
  const letters = text.replace(/^data:[^,]{0,100},/, '').replace(/\s/g, '');
  if (letters.length >= SHORTEST && /^[A-Za-z0-9+/_-]+={0,2}$/.test(letters))
    add(Buffer.from(letters, 'base64'), [...how, 'base64'], budget, found);
}

function fromBytes(bytes: Uint8Array, how: readonly string[], budget: DecodingBudget, found: Decoded[]): void {
  if (bytes.length < SHORTEST || bytes.length > LONGEST || how.length >= MAX_LAYERS || (budget.tries -= 1) < 0) return;
  const [first = 0, second = 0] = bytes;
  const options = { maxOutputLength: LONGEST, finishFlush: constants.Z_SYNC_FLUSH };
  if (first === 0x1f && second === 0x8b) unpacked(() => gunzipSync(bytes, options), [...how, 'gzip'], budget, found);
  else if ((first & 0x0f) === 8 && (first * 256 + second) % 31 === 0)
    unpacked(() => inflateSync(bytes, options), [...how, 'zlib'], budget, found);
  else if (isText(bytes)) fromText(Buffer.from(bytes).toString('latin1'), how, budget, found);
}

function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 9 && byte <= 13));
}

function unpacked(unpack: () => Uint8Array, how: readonly string[], budget: DecodingBudget, found: Decoded[]): void {
  let bytes: Uint8Array;
  try {
    bytes = unpack();
  } catch {
    return; // bytes that only look compressed, or more of them than any checkpoint's text has
  }
  add(bytes, how, budget, found);
}

function add(bytes: Uint8Array, how: readonly string[], budget: DecodingBudget, found: Decoded[]): void {
  if ((budget.bytes -= bytes.length) < 0) return;
  found.push({ bytes, how });
  fromBytes(bytes, how, budget, found);
}
