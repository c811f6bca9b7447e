import fc from 'fast-check';
import assert from 'node:assert/strict';
import { crc32, crc32ByTable, crc32Joined } from '../../../src/core/torchfile/container/crc32';

describe('torchfile/crc32', () => {
  it('is the checksum of the published example, by both ways', () => {
    const digits = Buffer.from('123456789');
    assert.equal(crc32(digits), 0xcbf43926);
    assert.equal(crc32ByTable(digits), 0xcbf43926);
  });

  it('joins the checksums of two stretches, of any lengths', () => {
    const bytes = fc.uint8Array({ maxLength: 3000 });
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        const joined = crc32Joined(crc32(first), crc32(second), second.length);
        assert.equal(joined, crc32(Buffer.concat([first, second])));
      }),
      { numRuns: 300 },
    );
  });

  it('joins stretches of many megabytes as the checksum goes on', () => {
    const bytes = Uint8Array.from({ length: 9_000_001 }, (_, i) => (i * 2654435761) >>> 24);
    const cut = 4 * 1024 * 1024;
    let joined = 0;
    for (let from = 0; from < bytes.length; from += cut) {
      const part = bytes.subarray(from, from + cut);
      joined = crc32Joined(joined, crc32(part), part.length);
    }
    assert.equal(joined, crc32(bytes));
  });

  it('joins behind zeros longer than 4 GB', () => {
    // 2^33 zero bytes in 33 doublings, each of two stretches whose checksums are known.
    let zeros = crc32(new Uint8Array(1));
    for (let k = 0; k < 33; k++) zeros = crc32Joined(zeros, zeros, 2 ** k);
    const start = crc32(Buffer.from('start'));
    let behind = start;
    let half = crc32(new Uint8Array(1));
    for (let k = 0; k < 32; k++) half = crc32Joined(half, half, 2 ** k);
    for (let i = 0; i < 2; i++) behind = crc32Joined(behind, half, 2 ** 32);
    assert.equal(crc32Joined(start, zeros, 2 ** 33), behind);
  });
});
