/** Weights beside those of the run's checkpoint before. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorNumbers } from '../../../src/core/checkpoint/data/dataParts';
import { checkAgainstEarlier, readEarlier } from '../../../src/core/checkpoint/validate/earlierChecks';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { RunningTotals } from '../../../src/core/torchfile/tensors/totals';
import { crc32 } from '../../../src/core/torchfile/container/crc32';
import { CHECKPOINTS, FIXTURES, recordsOf, Workbench } from './fixtures';

describe('checkAgainstEarlier', () => {
  const now = (value: number, name = 'w'): TensorNumbers => {
    const totals = new RunningTotals();
    totals.add(new Float32Array(100).fill(value));
    return { name, totals, firstIndex: '[]' };
  };
  const said = (before: number, value: number): string[] =>
    checkAgainstEarlier([now(value)], { checkpoint: 'checkpoint-10', rms: new Map([['w', before]]) }).map(
      (finding) => finding.message,
    );

  it('tells what died, exploded or faded, and nothing else', () => {
    assert.match(said(0.02, 0)[0] ?? '', /tensor "w" became zero since checkpoint-10/);
    assert.match(said(0.05, 4)[0] ?? '', /grew from a root mean square of 0\.0500 to 4\.00 since checkpoint-10/);
    assert.match(said(1, 0.01)[0] ?? '', /shrank from a root mean square of 1\.00 to 0\.0100/);
    for (const [before, value] of [
      [0.02, 0.03],
      [0, 0.5],
      [0, 0],
      [0.001, 0.5], // small at first: still where matrices are
      [0.5, 3],
      [1e-5, 1e-7],
      [0.02, NaN],
    ] as const)
      assert.deepEqual(said(before, value), [], `${before} to ${value}`);
    assert.deepEqual(checkAgainstEarlier([now(1, 'new')], { checkpoint: 'x', rms: new Map() }), []);
  });

  it('names five tensors and counts the rest', () => {
    const names = Array.from({ length: 8 }, (_, i) => `w${i}`);
    const findings = checkAgainstEarlier(
      names.map((name) => now(50, name)),
      { checkpoint: 'checkpoint-10', rms: new Map(names.map((name) => [name, 0.1])) },
    );
    assert.equal(findings.length, 6);
    assert.match(findings[5]?.message ?? '', /3 more tensors/);
  });
});

describe('a checkpoint in its run', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  /** Multiplies every weight of a copied checkpoint, checksums included; its manifest is left out. */
  function scale(folder: string, factor: number): void {
    rmSync(join(folder, 'manifest.json'));
    const path = join(folder, 'npt_weights.pt');
    const bytes = readFileSync(path);
    for (const [name, place] of recordsOf(bytes)) {
      if (!name.includes('/data/')) continue;
      const data = bytes.subarray(place.start, place.start + place.length);
      for (let at = 0; at + 4 <= data.length; at += 4) data.writeFloatLE(data.readFloatLE(at) * factor, at);
      bytes.writeUInt32LE(crc32(data), place.directoryAt + 16);
    }
    writeFileSync(path, bytes);
  }
  function earlier(checkpoint: string, name: string, factor = 1): string {
    const folder = join(checkpoint, '..', name);
    cpSync(join(FIXTURES, CHECKPOINTS.oursDual), folder, { recursive: true });
    if (factor !== 1) scale(folder, factor);
    return folder;
  }
  const jumps = async (path: string): Promise<string[]> =>
    (await validateCheckpoint(path)).findings
      .filter((finding) => finding.code === 'weights-jump')
      .map((finding) => finding.message);

  it('is compared with the nearest earlier one that is whole', async () => {
    const checkpoint = bench.copy(CHECKPOINTS.oursDual);
    assert.deepEqual(await jumps(checkpoint), []);
    earlier(checkpoint, 'checkpoint-10', 1000);
    const messages = await jumps(checkpoint);
    assert.ok(messages.length > 0);
    assert.match(messages[0] ?? '', /shrank .* since checkpoint-10\.$/);
    assert.equal((await validateCheckpoint(checkpoint)).verdict, 'valid');
    earlier(checkpoint, 'checkpoint-20');
    assert.deepEqual(await jumps(checkpoint), []);
  });

  it('is not compared with later, unfinished or damaged ones', async () => {
    const checkpoint = bench.copy(CHECKPOINTS.oursDual);
    earlier(checkpoint, 'checkpoint-40', 1000);
    rmSync(join(earlier(checkpoint, 'checkpoint-20', 1000), 'config.json'));
    writeFileSync(join(earlier(checkpoint, 'checkpoint-10'), 'npt_weights.pt'), 'cut');
    mkdirSync(join(checkpoint, '..', 'checkpoint-5'));
    assert.equal(await readEarlier(checkpoint, 30, {}), null);
    assert.deepEqual(await jumps(checkpoint), []);
  });

  it('is found beside final/ too', async () => {
    const final = bench.copy(CHECKPOINTS.oursDual, 'final');
    earlier(final, 'checkpoints/checkpoint-10', 1000);
    assert.ok((await jumps(final)).length > 0);
  });
});
