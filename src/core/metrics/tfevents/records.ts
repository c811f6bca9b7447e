/** The records of a TFRecord file, from pieces of any size: length, its checksum, data, its checksum, each little-endian. */
import { maskedCrc32c } from './crc32c';

const HEADER = 12;
const CHECKSUM = 4;
/** A longer record is no scalar: it is passed over and not kept in memory. */
const LONGEST = 1 << 20;

export class TfRecords {
  private pending = Buffer.alloc(0);
  /** Bytes of a long record that are still to come. */
  private passing = 0;
  private broken = false;

  /** Whether the file is damaged: nothing behind that place can be told from it, and nothing more is read. */
  get isBroken(): boolean {
    return this.broken;
  }

  /** The data of the records that end in this piece. One that is torn now may be whole with the next piece. */
  push(piece: Uint8Array): Uint8Array[] {
    const found: Uint8Array[] = [];
    let bytes = piece;
    if (this.passing > 0) {
      const passed = Math.min(this.passing, bytes.length);
      this.passing -= passed;
      bytes = bytes.subarray(passed);
    }
    const all = this.pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.pending, bytes]);
    let at = 0;
    while (!this.broken && all.length - at >= HEADER) {
      const header = all.subarray(at, at + HEADER);
      const length = header.readBigUInt64LE(0);
      if (header.readUInt32LE(8) !== maskedCrc32c(header.subarray(0, 8)) || length > BigInt(Number.MAX_SAFE_INTEGER)) {
        this.broken = true;
        break;
      }
      const end = at + HEADER + Number(length) + CHECKSUM;
      if (Number(length) > LONGEST) {
        this.passing = Math.max(0, end - all.length);
        at = Math.min(end, all.length);
        continue;
      }
      if (end > all.length) break;
      const data = all.subarray(at + HEADER, end - CHECKSUM);
      if (all.readUInt32LE(end - CHECKSUM) !== maskedCrc32c(data)) {
        this.broken = true;
        break;
      }
      found.push(data);
      at = end;
    }
    this.pending = this.broken ? Buffer.alloc(0) : Buffer.from(all.subarray(at));
    return found;
  }
}
