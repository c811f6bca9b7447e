/** Looks into byte strings and texts: a pickle inside a pickle is opened by whatever reads the outer one's data. */
import { DECODING_BUDGET, decodingsOfBytes, decodingsOfText, type Decoded } from './encoded';
import { classifyUnknownCall } from './globals';
import { readPickle } from './pickle';
import { DEFAULT_LIMITS, type PickleAct, type PickleLimits } from './pickleTypes';
import { TorchInterpreter } from './torchValues';

const NESTED_LIMITS: PickleLimits = { ...DEFAULT_LIMITS, opcodes: 200_000, copied: 16 * 1024 * 1024 };
const MAX_DEPTH = 3;
/** Consecutive pickles in one byte string (the legacy torch format has five). */
const MAX_PICKLES = 8;
/** Archives and encodings that are followed in one file. */
const MAX_FOLLOWED = 100;

export interface NestedFindings {
  /** What would happen if the byte strings were loaded too. */
  readonly dangerous: readonly PickleAct[];
  /** Byte strings that are torch zips: their owner opens them. */
  readonly archives: readonly Uint8Array[];
  /** What would happen if texts and byte strings were decoded, and then loaded. */
  readonly encoded: readonly { readonly how: readonly string[]; readonly acts: readonly PickleAct[] }[];
  /** The same of torch zips. */
  readonly encodedArchives: readonly Decoded[];
}

interface Budget {
  bytes: number;
  strings: number;
}

const BUDGET: Readonly<Budget> = { bytes: 64 * 1024 * 1024, strings: 20_000 };

/** Tries every byte string as a pickle. Random bytes fail at once; only acts that are dangerous are of interest. */
export function inspectStrings({
  byteStrings,
  texts,
}: Pick<TorchInterpreter, 'byteStrings' | 'texts'>): NestedFindings {
  const dangerous: PickleAct[] = [];
  const archives: Uint8Array[] = [];
  inspect(byteStrings, 1, { ...BUDGET }, dangerous, archives);
  const encoded: { how: readonly string[]; acts: readonly PickleAct[] }[] = [];
  const encodedArchives: Decoded[] = [];
  const decoding = { ...DECODING_BUDGET };
  const budget = { ...BUDGET };
  const look = ({ bytes, how }: Decoded): void => {
    const acts: PickleAct[] = [];
    const inner: Uint8Array[] = [];
    inspect([bytes], 1, budget, acts, inner);
    if (acts.length > 0 && encoded.length < MAX_FOLLOWED) encoded.push({ how, acts });
    for (const archive of inner)
      if (encodedArchives.length < MAX_FOLLOWED) encodedArchives.push({ bytes: archive, how });
  };
  for (const text of texts) decodingsOfText(text, decoding).forEach(look);
  for (const bytes of byteStrings) decodingsOfBytes(bytes, decoding).forEach(look);
  return { dangerous, archives, encoded, encodedArchives };
}

function inspect(
  byteStrings: readonly Uint8Array[],
  depth: number,
  budget: Budget,
  dangerous: PickleAct[],
  archives: Uint8Array[],
): void {
  for (const bytes of byteStrings) {
    if ((budget.strings -= 1) < 0 || (budget.bytes -= bytes.length) < 0) return;
    if (bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4) {
      if (archives.length < MAX_FOLLOWED) archives.push(bytes);
      continue;
    }
    let at = 0;
    for (let count = 0; count < MAX_PICKLES && at < bytes.length; count++) {
      const interpreter = new TorchInterpreter();
      const result = readPickle(bytes, interpreter, at, NESTED_LIMITS);
      for (const act of result.acts) if (isDangerous(act) && dangerous.length < MAX_FOLLOWED) dangerous.push(act);
      if (depth < MAX_DEPTH) inspect(interpreter.byteStrings, depth + 1, budget, dangerous, archives);
      if (result.error || result.end === at) break;
      at = result.end;
    }
  }
}

/** Whether Python would run what an attack wants, or call what is listed nowhere in a library that could. */
export function isDangerous({ kind, what, module, name }: PickleAct): boolean {
  return (
    kind === 'dangerous' || (kind === 'unknown' && what === 'call' && classifyUnknownCall(module, name) === 'dangerous')
  );
}
