/** How pickles spell text and numbers in the protocols that are text. */
import { PickleFormatError } from './pickleTypes';

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Byte for character. Not TextDecoder: its "latin1" is windows-1252. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export function utf8(bytes: Uint8Array): string {
  return UTF8.decode(bytes);
}

/** INT and LONG; protocol 0 spells booleans as the INTs 00 and 01. */
export function integerText(bytes: Uint8Array, booleans: boolean): number | bigint | boolean {
  let text = latin1(bytes);
  if (booleans && text === '00') return false;
  if (booleans && text === '01') return true;
  if (!booleans && text.endsWith('L')) text = text.slice(0, -1);
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw new PickleFormatError('an integer that is not a number');
  return narrow(BigInt(text.trim().replace(/^\+/, '')));
}

/** FLOAT: repr of a Python float. */
export function floatText(bytes: Uint8Array): number {
  const text = latin1(bytes).trim().toLowerCase();
  if (/^[+-]?(inf|infinity)$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^[+-]?nan$/.test(text)) return NaN;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) throw new PickleFormatError('a float that is not a number');
  return Number(text);
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** STRING: repr of a Python 2 str. */
export function quotedText(bytes: Uint8Array): string {
  const text = latin1(bytes).trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== '"' && quote !== "'") || !text.endsWith(quote)) {
    throw new PickleFormatError('a string without quotes');
  }
  return text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)/g, (_, escape: string) => {
    if (escape.length === 3 && escape.startsWith('x')) return String.fromCharCode(parseInt(escape.slice(1), 16));
    if (/^[0-7]/.test(escape)) return String.fromCharCode(parseInt(escape, 8) & 0xff);
    return SIMPLE_ESCAPES[escape] ?? `\\${escape}`;
  });
}

/** UNICODE's raw-unicode-escape: only \uXXXX and \UXXXXXXXX are escapes. */
export function rawUnicode(bytes: Uint8Array): string {
  return latin1(bytes).replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short?: string, long?: string) => {
    const code = parseInt(short ?? long ?? '0', 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** A number where JavaScript holds it exactly. */
export function narrow(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}
