/** A pickle's bytes, read in the forms that opcodes have their arguments in, with bounds on what they make us copy. */
import { latin1, narrow } from './pickleText';
import { PickleFormatError, type PickleLimits } from './pickleTypes';

export class PickleInput {
  private readonly view: DataView;
  private copied = 0;
  /** Where the opcode that is being carried out begins. */
  opcodeAt: number;

  constructor(
    private readonly data: Uint8Array,
    public position: number,
    private readonly limits: PickleLimits,
  ) {
    this.opcodeAt = position;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  /** The next opcode. */
  opcode(): number {
    this.opcodeAt = this.position;
    return this.byte();
  }

  private take(count: number): number {
    const at = this.position;
    if (count > this.data.length - at) throw new PickleFormatError('the pickle ends too early', 'truncated');
    this.position = at + count;
    return at;
  }

  byte(): number {
    return this.data[this.take(1)] ?? 0;
  }

  uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  /** Big endian, unlike everything else. */
  float64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  length4(signed: boolean): number {
    const at = this.take(4);
    const length = signed ? this.view.getInt32(at, true) : this.view.getUint32(at, true);
    if (length < 0) throw new PickleFormatError('a negative length');
    return length;
  }

  length8(): number {
    const length = this.view.getBigUint64(this.take(8), true);
    if (length > BigInt(this.data.length))
      throw new PickleFormatError('a string is longer than the pickle', 'truncated');
    return Number(length);
  }

  /** A frame is only a hint how much to read at once; its length must be there. */
  frame(): void {
    if (this.length8() > this.data.length - this.position)
      throw new PickleFormatError('a frame is longer than the pickle', 'truncated');
  }

  private copy(count: number): number {
    const at = this.take(count);
    this.copied += count;
    if (this.copied > this.limits.copied)
      throw new PickleFormatError(`more than ${this.limits.copied} bytes of strings`, 'limit');
    return at;
  }

  bytes(count: number): Uint8Array {
    const at = this.copy(count);
    return this.data.subarray(at, at + count);
  }

  text(count: number, decode: (bytes: Uint8Array) => string): string {
    const at = this.copy(count);
    return decode(this.data.subarray(at, at + count));
  }

  /** Up to a line feed, without it. */
  line(): Uint8Array {
    const end = this.data.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleFormatError('the pickle ends too early', 'truncated');
    const at = this.copy(end - this.position + 1);
    return this.data.subarray(at, end);
  }

  indexLine(): number {
    const text = latin1(this.line());
    if (!/^\d{1,15}$/.test(text)) throw new PickleFormatError('a memo index that is not a number');
    return Number(text);
  }

  /** A line with a number in it. */
  digits(): Uint8Array {
    const bytes = this.line();
    if (bytes.length > this.limits.integerBytes) throw new PickleFormatError('an integer of absurd length', 'limit');
    return bytes;
  }

  /** Two's complement of `count` bytes. */
  longInteger(count: number): number | bigint {
    if (count > this.limits.integerBytes) throw new PickleFormatError('an integer of absurd length', 'limit');
    const at = this.copy(count);
    if (count === 0) return 0;
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.data[at + i] ?? 0);
    return narrow(BigInt.asIntN(count * 8, value));
  }
}
