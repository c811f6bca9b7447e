/** Looks into byte strings: a pickle inside a pickle is opened by whatever reads the outer one's data. */
import { readPickle } from './pickle';
import { DEFAULT_LIMITS, type PickleAct, type PickleLimits } from './pickleTypes';
import { TorchInterpreter } from './torchValues';

const NESTED_LIMITS: PickleLimits = { ...DEFAULT_LIMITS, opcodes: 200_000, copied: 16 * 1024 * 1024 };
const MAX_DEPTH = 3;
/** Consecutive pickles in one byte string (the legacy torch format has five). */
const MAX_PICKLES = 8;

export interface NestedFindings {
  /** What would happen if the byte strings were loaded too. */
  readonly dangerous: readonly PickleAct[];
  /** Byte strings that are torch zips: their owner opens them. */
  readonly archives: readonly Uint8Array[];
}

/** Tries every byte string as a pickle. Random bytes fail at once; only acts that are dangerous are of interest. */
export function inspectByteStrings(byteStrings: readonly Uint8Array[]): NestedFindings {
  const dangerous: PickleAct[] = [];
  const archives: Uint8Array[] = [];
  const budget = { bytes: 64 * 1024 * 1024, strings: 20_000 };
  inspect(byteStrings, 1, budget, dangerous, archives);
  return { dangerous, archives };
}

function inspect(
  byteStrings: readonly Uint8Array[],
  depth: number,
  budget: { bytes: number; strings: number },
  dangerous: PickleAct[],
  archives: Uint8Array[],
): void {
  for (const bytes of byteStrings) {
    if ((budget.strings -= 1) < 0 || (budget.bytes -= bytes.length) < 0) return;
    if (bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4) {
      if (archives.length < 100) archives.push(bytes);
      continue;
    }
    let at = 0;
    for (let count = 0; count < MAX_PICKLES && at < bytes.length; count++) {
      const interpreter = new TorchInterpreter();
      const result = readPickle(bytes, interpreter, at, NESTED_LIMITS);
      for (const act of result.acts) if (act.kind === 'dangerous' && dangerous.length < 100) dangerous.push(act);
      if (depth < MAX_DEPTH) inspect(interpreter.byteStrings, depth + 1, budget, dangerous, archives);
      if (result.error || result.end === at) break;
      at = result.end;
    }
  }
}
