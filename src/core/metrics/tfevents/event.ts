/** A TensorBoard event, as far as it has scalars: TensorFlow's event.proto, summary.proto and tensor.proto. */
import { PbfReader } from 'pbf';

export interface TfEvent {
  /** Unix seconds. */
  time: number;
  step: number;
  readonly scalars: (readonly [tag: string, value: number])[];
  /** Whether a writer says that it begins (again) at this step: what was logged from it on is taken back. */
  begins: boolean;
}

const EVENT = { wallTime: 1, step: 2, summary: 5, sessionLog: 7 };
const SUMMARY = { value: 1 };
const VALUE = { tag: 1, simpleValue: 2, tensor: 8 };
const TENSOR = { type: 1, shape: 2, content: 4, floats: 5, doubles: 6 };
const SHAPE = { dimension: 2 };
const SESSION = { status: 1, start: 1 };
const TYPE = { float: 1, double: 2 };

/** @throws Error for bytes that are no message */
export function parseTfEvent(data: Uint8Array): TfEvent {
  const event: TfEvent = { time: Number.NaN, step: 0, scalars: [], begins: false };
  return new PbfReader(data).readFields((tag, into, pbf) => {
    if (tag === EVENT.wallTime) into.time = pbf.readDouble();
    else if (tag === EVENT.step) into.step = pbf.readVarint(true);
    else if (tag === EVENT.summary) pbf.readMessage(readSummary, into);
    else if (tag === EVENT.sessionLog) pbf.readMessage(readSession, into);
  }, event);
}

function readSummary(tag: number, event: TfEvent, pbf: PbfReader): void {
  if (tag !== SUMMARY.value) return;
  const value = pbf.readMessage(readValue, { tag: '', scalar: null as number | null });
  if (value.scalar !== null && value.tag !== '') event.scalars.push([value.tag, value.scalar]);
}

function readValue(tag: number, value: { tag: string; scalar: number | null }, pbf: PbfReader): void {
  if (tag === VALUE.tag) value.tag = pbf.readString();
  else if (tag === VALUE.simpleValue) value.scalar = pbf.readFloat();
  else if (tag === VALUE.tensor) value.scalar = scalarOf(pbf.readMessage(readTensor, emptyTensor()));
}

interface Tensor {
  type: number;
  dimensions: number;
  content: Uint8Array | null;
  readonly numbers: number[];
}

const emptyTensor = (): Tensor => ({ type: 0, dimensions: 0, content: null, numbers: [] });

function readTensor(tag: number, tensor: Tensor, pbf: PbfReader): void {
  if (tag === TENSOR.type) tensor.type = pbf.readVarint();
  else if (tag === TENSOR.shape) pbf.readMessage(readShape, tensor);
  else if (tag === TENSOR.content) tensor.content = pbf.readBytes();
  else if (tag === TENSOR.floats) pbf.readPackedFloat(tensor.numbers);
  else if (tag === TENSOR.doubles) pbf.readPackedDouble(tensor.numbers);
}

function readShape(tag: number, tensor: Tensor): void {
  if (tag === SHAPE.dimension) tensor.dimensions += 1;
}

/** The one number of a tensor of rank 0; of histograms, images and texts there is none. */
function scalarOf({ type, dimensions, content, numbers }: Tensor): number | null {
  if (dimensions > 0) return null;
  if (numbers.length === 1 && (type === TYPE.float || type === TYPE.double)) return numbers[0] ?? null;
  if (content === null) return null;
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (type === TYPE.float && content.length === 4) return view.getFloat32(0, true);
  return type === TYPE.double && content.length === 8 ? view.getFloat64(0, true) : null;
}

function readSession(tag: number, event: TfEvent, pbf: PbfReader): void {
  if (tag === SESSION.status && pbf.readVarint() === SESSION.start) event.begins = true;
}
