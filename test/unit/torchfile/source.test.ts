import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFile, readBytes } from '../../../src/core/torchfile/container/source';

describe('torchfile/source', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'npt-source-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  // Small files are held in memory where reads block, from 128 KiB on they are not.
  for (const size of [0, 1, 4097, 131_072, 131_073, 300_000]) {
    it(`reads ${size} bytes alike, whether reads block or not`, async () => {
      const content = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
      const path = join(folder, `${size}.bin`);
      writeFileSync(path, content);
      for (const blocking of [true, false]) {
        const source = await openFile(path, blocking);
        try {
          assert.equal(source.size, size);
          for (const [from, length] of [
            [0, size],
            [0, size + 10],
            [size >> 1, 100],
            [size, 5],
            [size + 7, 5],
            [0, 0],
          ] as const) {
            const expected = Buffer.from(content.subarray(from, from + length));
            assert.deepEqual(Buffer.from(await readBytes(source, from, length)), expected);
            const target = new Uint8Array(length).fill(0xee);
            const count = await source.read(target, from);
            assert.equal(count, expected.length);
            assert.deepEqual(Buffer.from(target.subarray(0, count)), expected);
          }
        } finally {
          await source.close();
        }
      }
    });
  }

  it('rejects a path that leads nowhere, whether reads block or not', async () => {
    for (const blocking of [true, false])
      await assert.rejects(openFile(join(folder, 'none'), blocking), { code: 'ENOENT' });
  });
});
