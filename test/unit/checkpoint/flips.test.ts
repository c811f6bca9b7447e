/** One flipped bit: the tensor that it hits is named, and around the records it is noticed or changes nothing that is read. */
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkData } from '../../../src/core/checkpoint/validate/dataChecks';
import { Progress } from '../../../src/core/checkpoint/validate/progress';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { MemorySource } from '../../../src/core/torchfile/container/source';
import { readTensorBytes } from '../../../src/core/torchfile/tensors/tensorData';
import { readTorchFile } from '../../../src/core/torchfile/torchFile';
import { toPlain } from '../../../src/core/torchfile/pickle/values';
import { CHECKPOINTS, FIXTURES, recordsOf, Workbench } from './fixtures';

/** Every message about a file's structure and its checksums, as validation would say it. */
async function said(data: Buffer): Promise<string[]> {
  const source = new MemorySource(data);
  const file = await readTorchFile(source);
  const { findings } = await checkData(source, file, 'x', { checksums: true, numbers: false }, new Progress({}));
  return [...file.problems, ...findings.filter((item) => item.severity === 'error')].map((item) => item.message);
}

/** All that is read out of a file. */
async function everything(data: Buffer): Promise<unknown> {
  const source = new MemorySource(data);
  const file = await readTorchFile(source);
  const tensors: unknown[] = [];
  for (const { name, tensor } of file.tensors)
    tensors.push([name, tensor.dtype.name, tensor.shape, [...(await readTensorBytes(source, file, tensor, 1 << 24))]]);
  return [toPlain(file.value), tensors];
}

function flipped(data: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(data);
  copy[at]! ^= 1 << bit;
  return copy;
}

const FILES = Object.values(CHECKPOINTS).flatMap((folder) =>
  readdirSync(join(FIXTURES, folder))
    .filter((name) => name.endsWith('.pt'))
    .map((name) => join(folder, name)),
);

describe('one flipped bit', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  it('in any tensor record of any fixture is noticed, and the message names a tensor that uses the record', async () => {
    let records = 0;
    for (const name of FILES) {
      const data = readFileSync(join(FIXTURES, name));
      const file = await readTorchFile(new MemorySource(data));
      for (const [record, { start, length }] of recordsOf(data)) {
        const key = /\/data\/(\d+)$/.exec(record)?.[1];
        if (key === undefined || length === 0) continue;
        const users = file.tensors.filter(({ tensor }) => tensor.storage.key === key).map((item) => item.name);
        assert.ok(users.length > 0, `${name}: some tensor uses ${record}`);
        records++;
        await fc.assert(
          fc.asyncProperty(fc.nat(length - 1), fc.nat(7), async (at, bit) => {
            const messages = await said(flipped(data, start + at, bit));
            assert.ok(
              messages.some((message) => users.some((user) => message.includes(`tensor "${user}"`))),
              `${name} ${record} byte ${at} bit ${bit}: ${messages.join(' ')}`,
            );
          }),
          { numRuns: 3 },
        );
      }
    }
    assert.ok(records > 150, `${records} records`);
  });

  it('in headers, directory and padding is noticed, or every value and every byte read is the same', async () => {
    const data = readFileSync(join(FIXTURES, CHECKPOINTS.fieldNumpy1, 'npt_weights.pt'));
    const before = await everything(data);
    const inside = new Uint8Array(data.length);
    for (const { start, length } of recordsOf(data).values()) inside.fill(1, start, start + length);
    const around = [...inside.keys()].filter((at) => inside[at] === 0);
    let unnoticed = 0;
    for (const [i, at] of around.entries()) {
      // Every byte, each time another bit.
      const copy = flipped(data, at, (i * 5) % 8);
      if ((await said(copy)).length > 0) continue;
      unnoticed++;
      assert.deepEqual(await everything(copy), before, `byte ${at}`);
    }
    assert.ok(around.length > 1000 && unnoticed < around.length, `${unnoticed} of ${around.length}`);
  });

  it('that makes the archive one of several volumes, which torch refuses, is noticed', async () => {
    const data = readFileSync(join(FIXTURES, CHECKPOINTS.field, 'npt_weights.pt'));
    const entry = data.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    const end = data.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
    const wide = data.lastIndexOf(Buffer.from('PK\x06\x06', 'latin1'));
    const locator = data.lastIndexOf(Buffer.from('PK\x06\x07', 'latin1'));
    assert.ok(entry > 0 && wide > entry && locator > wide && end > locator);
    for (const at of [
      entry + 34,
      entry + 35,
      wide + 16,
      wide + 20,
      wide + 24,
      locator + 4,
      locator + 18,
      end + 4,
      end + 6,
    ])
      assert.match((await said(flipped(data, at, 3))).join(' '), /volume/, `byte ${at}`);
  });

  it('that marks a record as a directory, whose data torch does not read, is noticed', async () => {
    for (const name of FILES) {
      const data = readFileSync(join(FIXTURES, name));
      for (const [record, { directoryAt }] of recordsOf(data))
        assert.match((await said(flipped(data, directoryAt + 38, 4))).join(' '), /directory/, `${name} ${record}`);
    }
  });

  it('in the name of a manifest’s key sha256, its own or a file’s, is noticed by validation', async () => {
    const folder = bench.copy(CHECKPOINTS.oursDual);
    const manifest = readFileSync(join(folder, 'manifest.json'));
    let keys = 0;
    for (let at = manifest.indexOf('"sha256"'); at >= 0; at = manifest.indexOf('"sha256"', at + 1)) {
      bench.edit(folder, 'manifest.json', () => flipped(manifest, at + 6, 0));
      const { findings, verdict } = await validateCheckpoint(folder);
      assert.deepEqual([verdict, findings.map((item) => item.code)], ['invalid', ['manifest-changed']], `byte ${at}`);
      keys++;
    }
    assert.ok(keys >= 5, `${keys} keys`);
  });
});
