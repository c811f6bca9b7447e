/**
 * Text files as people's tools leave them: UTF-8 with or without a byte order mark, or UTF-16 as a redirect in Windows
 * PowerShell writes it. trainer/npt/storage/reading.py reads the same; test/fixtures/encodings/cases.json holds both to it.
 */

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** The bytes are no text; `clause` is to be put behind the file's name. */
export class EncodingError extends Error {
  constructor(readonly clause: string) {
    super(clause);
    this.name = 'EncodingError';
  }
}

/** Made only where it is thrown: an error collects a stack, which costs more than reading a small file. */
const utf32 = (): EncodingError => new EncodingError('is UTF-32 text: save it as UTF-8');

/**
 * The encoding that a file begins in: by its byte order mark; without one, UTF-16 shows by the zero bytes of its first two
 * characters, which in every text that is read here are ASCII.
 *
 * @throws EncodingError for UTF-32, which nothing that trains writes
 */
export function encodingOf(head: Uint8Array): Encoding {
  const [a, b, c, d] = head;
  if (a === 0xff && b === 0xfe) {
    if (c === 0 && d === 0) throw utf32();
    return 'utf-16le';
  }
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a === 0 && b === 0 && ((c === 0xfe && d === 0xff) || (c === 0 && d !== 0 && d !== undefined))) throw utf32();
  if (a !== 0 && b === 0 && c === 0 && d === 0) throw utf32();
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return 'utf-16le';
  if (a === 0 && b !== 0 && c === 0 && d !== 0 && b !== undefined && d !== undefined) return 'utf-16be';
  return 'utf-8';
}

/** Made once: a scan decodes tens of thousands of small files, and making a decoder takes longer than that. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A file's bytes as text, its byte order mark left out.
 *
 * @throws EncodingError that says what it is, or in which line it stops being UTF-8
 */
export function decodeText(bytes: Uint8Array): string {
  const encoding = encodingOf(bytes.subarray(0, 4));
  try {
    return (encoding === 'utf-8' ? UTF8 : new TextDecoder(encoding, { fatal: true })).decode(bytes);
  } catch {
    const name = encoding === 'utf-8' ? 'UTF-8' : 'UTF-16';
    throw new EncodingError(`is not ${name} text (line ${lineOfDamage(bytes, encoding)})`);
  }
}

/** The line, from 1, of the first bytes that are no characters. */
function lineOfDamage(bytes: Uint8Array, encoding: Encoding): number {
  // A decoder that is fed a piece at a time fails in the piece with the damage.
  const decoder = new TextDecoder(encoding, { fatal: true });
  let line = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    try {
      for (const character of decoder.decode(bytes.subarray(at, at + 1), { stream: true })) {
        if (character === '\n') line += 1;
      }
    } catch {
      return line;
    }
  }
  return line;
}

/** Turns the pieces of a file that grows into UTF-8, whatever it began in. */
export class Utf8Pieces {
  private decoder: InstanceType<typeof TextDecoder> | null | undefined;
  private readonly encoder = new TextEncoder();

  /** The next bytes of the file, from its beginning on. Bytes that are no characters come through as they are, or as U+FFFD. */
  next(bytes: Uint8Array): Uint8Array {
    if (this.decoder === undefined && bytes.length > 0) this.decoder = decoderFor(bytes);
    return this.decoder ? this.encoder.encode(this.decoder.decode(bytes, { stream: true })) : bytes;
  }
}

/** Null for UTF-8, which needs none. */
function decoderFor(head: Uint8Array): InstanceType<typeof TextDecoder> | null {
  try {
    const encoding = encodingOf(head.subarray(0, 4));
    return encoding === 'utf-8' ? null : new TextDecoder(encoding);
  } catch {
    return null; // UTF-32: no line of it is one of ours
  }
}
