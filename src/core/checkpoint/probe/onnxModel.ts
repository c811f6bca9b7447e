/**
 * One layer's NP component as an ONNX model of a few hundred bytes, written at run time (onnx.proto3, IR version 8,
 * opset 13). The weights are external initializers that point into npt_weights.pt, so that ONNX Runtime maps them
 * straight out of the checkpoint; what cannot be mapped (another type, strides, compression) is carried along as fp32.
 */

/** Where a matrix's values are. */
export type MatrixSource =
  | { readonly kind: 'external'; readonly location: string; readonly offset: number; readonly bytes: number }
  | { readonly kind: 'inline'; readonly values: Float32Array };

export interface ModelMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly source: MatrixSource;
}

/** z = a·W_down, v_a = z·W_a_up, v_b = z·W_b_up for one projection and one rank (contract section 3). */
export interface ModelPart {
  readonly down: ModelMatrix;
  readonly aUp: ModelMatrix;
  readonly bUp: ModelMatrix;
}

/**
 * Input `a` (tokens, d); for part i the outputs `v_a.<i>` and `v_b.<i>`; for part `gramsOf` also its matrices' Gram
 * matrices (r, r): `gram.down` = W_downᵀ W_down, `gram.aUp` = W_a_up W_a_upᵀ, `gram.bUp` = W_b_up W_b_upᵀ.
 */
export function encodeModel(
  parts: readonly ModelPart[],
  hiddenSize: number,
  gramsOf: number | null = null,
): Uint8Array {
  const graph: Buffer[] = [string(2, 'np_component')];
  for (const [i, part] of parts.entries()) {
    graph.push(
      message(1, matMul('a', `W_down.${i}`, `z.${i}`)),
      message(1, matMul(`z.${i}`, `W_a_up.${i}`, `v_a.${i}`)),
      message(1, matMul(`z.${i}`, `W_b_up.${i}`, `v_b.${i}`)),
      message(5, initializer(`W_down.${i}`, part.down)),
      message(5, initializer(`W_a_up.${i}`, part.aUp)),
      message(5, initializer(`W_b_up.${i}`, part.bUp)),
      message(12, valueInfo(`v_a.${i}`, part.aUp.columns)),
      message(12, valueInfo(`v_b.${i}`, part.bUp.columns)),
    );
    if (i !== gramsOf) continue;
    const rank = part.down.columns;
    graph.push(
      message(1, gram(`W_down.${i}`, 'gram.down', 'transA')),
      message(1, gram(`W_a_up.${i}`, 'gram.aUp', 'transB')),
      message(1, gram(`W_b_up.${i}`, 'gram.bUp', 'transB')),
      ...['gram.down', 'gram.aUp', 'gram.bUp'].map((name) => message(12, valueInfo(name, rank))),
    );
  }
  graph.push(message(11, valueInfo('a', hiddenSize)));
  const opset = message(8, [string(1, ''), integer(2, 13)]);
  return Buffer.concat([integer(1, 8), opset, message(7, graph)]);
}

const FLOAT = 1;
const EXTERNAL = 1;

function matMul(left: string, right: string, output: string): Buffer[] {
  return [string(1, left), string(1, right), string(2, output), string(4, 'MatMul')];
}

const INT = 2;

/** A matrix times itself; Gemm reads it transposed where it lies, a Transpose node would copy it first. */
function gram(matrix: string, output: string, transposed: 'transA' | 'transB'): Buffer[] {
  const attribute = message(5, [string(1, transposed), integer(3, 1), integer(20, INT)]);
  return [string(1, matrix), string(1, matrix), string(2, output), string(4, 'Gemm'), attribute];
}

function initializer(name: string, matrix: ModelMatrix): Buffer[] {
  const fields = [integer(1, matrix.rows), integer(1, matrix.columns), integer(2, FLOAT), string(8, name)];
  const { source } = matrix;
  if (source.kind === 'inline') {
    return [...fields, bytes(9, Buffer.from(source.values.buffer, source.values.byteOffset, source.values.byteLength))];
  }
  const entry = (key: string, value: string): Buffer => message(13, [string(1, key), string(2, value)]);
  return [
    ...fields,
    entry('location', source.location),
    entry('offset', String(source.offset)),
    entry('length', String(source.bytes)),
    integer(14, EXTERNAL),
  ];
}

/** A float matrix of so many columns, and rows that are known only when it runs. */
function valueInfo(name: string, columns: number): Buffer[] {
  // A dimension without a value is unknown; a name shared by all would claim that they have as many rows.
  const shape = message(2, [message(1, []), message(1, [integer(1, columns)])]);
  return [string(1, name), message(2, [message(1, [integer(1, FLOAT), shape])])];
}

// --- protocol buffers: varints and length-delimited fields are all that is needed ------------------------------------

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
  return Buffer.from(out);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);
}

function string(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

function message(field: number, fields: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(fields));
}
