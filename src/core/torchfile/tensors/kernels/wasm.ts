/**
 * The little of WebAssembly that the kernels in this folder need: instructions as bytes, and a module of functions over
 * one memory. They are so small that they are assembled when first needed: no compiler in the build, nothing binary in the
 * repository. Codes: WebAssembly 2.0, "Binary Format" and its vector instructions.
 */

export const I32 = 0x7f;
export const F64 = 0x7c;
export const V128 = 0x7b;

export const PAGE_BYTES = 65536;

/** Unsigned LEB128, as the format writes every number. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

export const vector = (code: number, ...operands: number[]): number[] => [0xfd, ...leb(code), ...operands];
export const get = (local: number): number[] => [0x20, ...leb(local)];
export const set = (local: number): number[] => [0x21, ...leb(local)];
/** i32.const, of numbers below 64. */
export const constant = (value: number): number[] => [0x41, ...leb(value)];
/** v128.load, 16-byte aligned. */
export const load = (offset: number): number[] => vector(0x00, 4, ...leb(offset));
export const addI32 = [0x6a];
const addF64 = [0xa0];
/** i8x16.shuffle of two locals: 32-bit lane `lanes[i]` (4 and above: the second local's) becomes lane i. */
export const shuffled = (first: number, second: number, ...lanes: number[]): number[] => [
  ...get(first),
  ...get(second),
  ...vector(0x0d, ...lanes.flatMap((lane) => [lane * 4, lane * 4 + 1, lane * 4 + 2, lane * 4 + 3])),
];

export const promoteLow = vector(0x5f); // f64x2.promote_low_f32x4: the first two numbers as doubles
export const addDoubles = vector(0xf0); // f64x2.add
export const multiplyDoubles = vector(0xf2); // f64x2.mul
const laneOfDoubles = (lane: number): number[] => vector(0x21, lane); // f64x2.extract_lane

/**
 * The eight doubles of four vectors of sums, added up: ((a + c) + (b + d)) lane by lane, then across. Overwrites local `a`.
 * The order is that in which the JavaScript beside the kernels adds, to the last bit.
 */
export const total = ([a, b, c, d]: readonly [number, number, number, number]): number[] => [
  ...get(a),
  ...get(c),
  ...addDoubles,
  ...get(b),
  ...get(d),
  ...addDoubles,
  ...addDoubles,
  ...set(a),
  ...get(a),
  ...laneOfDoubles(0),
  ...get(a),
  ...laneOfDoubles(1),
  ...addF64,
];

/** Adds `bytes` to the address in local `from` and repeats `turn` while it is below the one in local `to`. */
export const repeat = (from: number, to: number, bytes: number, turn: readonly number[]): number[] => [
  ...[0x03, 0x40], // loop
  ...turn,
  ...get(from),
  ...constant(bytes),
  ...addI32,
  ...set(from),
  ...get(from),
  ...get(to),
  0x49, // i32.lt_u
  ...[0x0d, 0], // br_if: on with the loop
  0x0b, // end
];

/** One exported function. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly number[];
  readonly results: readonly number[];
  /** How many locals of which type follow the parameters. */
  readonly locals: readonly (readonly [count: number, type: number])[];
  /** Without the final end. */
  readonly body: readonly number[];
}

/** The slice of the WebAssembly API that is used; Node has it, TypeScript types it for pages only. */
interface WebAssemblyApi {
  Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
  validate(bytes: Uint8Array): boolean;
}

function webAssembly(): WebAssemblyApi | undefined {
  return (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
}

/** Bytes that begin at a page, as reading past the system's cache (O_DIRECT) asks of them; null without WebAssembly. */
export function pageAligned(bytes: number): Uint8Array | null {
  const api = webAssembly();
  return api === undefined ? null : new Uint8Array(new api.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) }).buffer);
}

/** A module that is assembled at most once. */
export class WasmModule {
  /** Undefined before the first use; null where the machine does not know its instructions. */
  private compiled: object | null | undefined;

  constructor(private readonly functions: readonly WasmFunction[]) {}

  /** The functions over a memory of their own with room for `bytes`; null where the machine has no WebAssembly SIMD. */
  instantiate(bytes: number): { readonly buffer: ArrayBuffer; readonly exports: Record<string, unknown> } | null {
    const api = webAssembly();
    if (!api) return null;
    if (this.compiled === undefined) {
      const code = assemble(this.functions);
      this.compiled = api.validate(code) ? new api.Module(code) : null;
    }
    if (this.compiled === null) return null;
    const memory = new api.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
    const { exports } = new api.Instance(this.compiled, { env: { memory } });
    return { buffer: memory.buffer, exports };
  }
}

/** Types, the memory from outside, the functions and their names. */
function assemble(functions: readonly WasmFunction[]): Uint8Array {
  const list = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
  const sized = (content: readonly number[]): number[] => [...leb(content.length), ...content];
  const section = (id: number, content: readonly number[]): number[] => [id, ...sized(content)];
  const name = (text: string): number[] => sized([...Buffer.from(text)]);
  const memory = [...name('env'), ...name('memory'), 2, 0, 1];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(functions.map(({ parameters, results }) => [0x60, ...sized(parameters), ...sized(results)]))),
    ...section(2, list([memory])),
    ...section(3, list(functions.map((_, index) => leb(index)))),
    ...section(7, list(functions.map((each, index) => [...name(each.name), 0, ...leb(index)]))),
    ...section(
      10,
      list(
        functions.map(({ locals, body }) =>
          sized([...list(locals.map(([count, type]) => [...leb(count), type])), ...body, 0x0b]),
        ),
      ),
    ),
  ]);
}
