/**
 * The header of a .safetensors file, read with bounds: eight bytes with its length, JSON that says of each tensor its type,
 * shape and place, then the tensors' bytes without gaps. https://github.com/huggingface/safetensors, "Format".
 */
import { readBytes, type ByteSource } from './source';
import { quoted } from '../problems';
import { FileContentError, isObject, parseObject, type JsonObject } from '../../jsonText';

/** The format's own limit. */
const LONGEST_HEADER = 100_000_000;
/** Bits of an element. */
const BITS: ReadonlyMap<string, number> = new Map([
  ['BOOL', 8],
  ['U8', 8],
  ['I8', 8],
  ['F8_E4M3', 8],
  ['F8_E5M2', 8],
  ['F8_E8M0', 8],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['F4', 4],
  ['I16', 16],
  ['U16', 16],
  ['F16', 16],
  ['BF16', 16],
  ['I32', 32],
  ['U32', 32],
  ['F32', 32],
  ['I64', 64],
  ['U64', 64],
  ['F64', 64],
  ['C64', 64],
]);

/** The file is no whole .safetensors file; the message is a sentence without the file's name. */
export class SafetensorsError extends Error {
  constructor(
    message: string,
    /** More bytes would mend it: the file was cut short. */
    readonly truncated = false,
  ) {
    super(message);
    this.name = 'SafetensorsError';
  }
}

interface Place {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/**
 * The names of the tensors in a file.
 *
 * @throws SafetensorsError for the first thing that is wrong with it
 */
export async function safetensorsNames(source: ByteSource): Promise<readonly string[]> {
  const head = await readBytes(source, 0, 8);
  if (head.length < 8) throw new SafetensorsError('It ends before its header.', true);
  const length = Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true));
  if (length > LONGEST_HEADER) throw new SafetensorsError('It does not begin with the length of a header.');
  if (8 + length > source.size) throw new SafetensorsError('It ends within its header.', true);
  const data = source.size - 8 - length;
  const places = tensorsOf(headerOf(await readBytes(source, 8, length)));
  places.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of places) {
    if (end > data) {
      throw new SafetensorsError(
        `It ends before tensor ${quoted(name)} does: ${data} of ${end} bytes are there.`,
        true,
      );
    }
    if (begin < at) throw new SafetensorsError(`Tensor ${quoted(name)} lies over the one before it.`);
    if (begin > at) throw new SafetensorsError(`${begin - at} bytes before tensor ${quoted(name)} belong to none.`);
    at = end;
  }
  if (at !== data) throw new SafetensorsError(`${data - at} bytes behind its last tensor belong to none.`);
  return places.map(({ name }) => name);
}

function headerOf(bytes: Uint8Array): JsonObject {
  // The format asks for it, so that a file is told by its first bytes.
  if (bytes[0] !== 0x7b) throw new SafetensorsError('Its header is not JSON.');
  try {
    return parseObject(bytes);
  } catch (error) {
    if (error instanceof FileContentError) throw new SafetensorsError(`Its header ${error.message}.`);
    throw error;
  }
}

function tensorsOf(header: JsonObject): Place[] {
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => placeOf(name, entry));
}

function placeOf(name: string, entry: unknown): Place {
  const wrong = (what: string): SafetensorsError => new SafetensorsError(`Tensor ${quoted(name)} ${what}.`);
  if (!isObject(entry)) throw wrong('is not described');
  const { dtype, shape, data_offsets: offsets } = entry;
  const bits = typeof dtype === 'string' ? BITS.get(dtype) : undefined;
  if (bits === undefined) throw wrong(`is of a type that is not known (${quoted(String(dtype))})`);
  if (!areCounts(shape)) throw wrong('has no shape');
  if (!areCounts(offsets) || offsets.length !== 2) throw wrong('has no place');
  const [begin = 0, end = 0] = offsets;
  const elements = shape.reduce((product, size) => product * size, 1);
  if (begin > end) throw wrong('ends before it begins');
  if (!Number.isSafeInteger(elements * bits) || (elements * bits) % 8 !== 0 || (elements * bits) / 8 !== end - begin)
    throw wrong(`of shape (${shape.join(', ')}) and type ${String(dtype)} does not fit its ${end - begin} bytes`);
  return { name, begin, end };
}

function areCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}
