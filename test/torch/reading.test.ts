/**
 * Random trees of tensors, written by torch: our reader finds in each file what torch.load finds in it. NPT_FUZZ=<count>
 * asks for more trees than fit into an ordinary test run, NPT_SEED=<n> for the trees of an earlier run.
 */
import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemorySource, type ByteSource } from '../../src/core/torchfile/container/source';
import { readTensorBytes } from '../../src/core/torchfile/tensors/tensorData';
import { readTorchFile, type TorchFile } from '../../src/core/torchfile/torchFile';
import { PyDict, Tensor, Tuple, type PyValue } from '../../src/core/torchfile/pickle/values';
import { runPython } from './python';

const TREES = Number(process.env['NPT_FUZZ'] ?? 300);
const SEED = Number(process.env['NPT_SEED'] ?? randomInt(1_000_000));

/** What make_trees.py says of a value. */
type Described =
  | ['tensor', dtype: string, shape: number[], parameter: boolean, sha256: string]
  | ['dict', [Described, Described][]]
  | ['list' | 'tuple', Described[]]
  | ['plain', null | boolean | string]
  | ['int' | 'float' | 'bytes', string];

interface Expected {
  readonly torch: string;
  readonly dtypes: Readonly<Record<string, readonly string[]>>;
  readonly files: readonly { file: string; format: string; value: Described }[];
}

/** Counts what was compared, so that a generator that makes nothing would be noticed. */
class Comparison {
  tensors = 0;
  /** Of the file that is being compared. */
  format = '';
  readonly dtypes = new Set<string>();

  async compare(
    found: PyValue | undefined,
    wanted: Described,
    at: string,
    file: TorchFile,
    source: ByteSource,
  ): Promise<void> {
    switch (wanted[0]) {
      case 'tensor':
        await this.tensor(found, wanted, at, file, source);
        return;
      case 'dict': {
        assert.ok(found instanceof PyDict, `${at} is a dict`);
        const entries = [...found.entries()];
        assert.equal(entries.length, wanted[1].length, `entries of ${at}`);
        for (const [i, [key, value]] of wanted[1].entries()) {
          await this.compare(entries[i]?.[0], key, `${at}'s key ${i}`, file, source);
          await this.compare(entries[i]?.[1], value, `${at}.${i}`, file, source);
        }
        return;
      }
      case 'list':
      case 'tuple': {
        const items = found instanceof Tuple ? found.items : found;
        assert.ok(
          Array.isArray(items) && found instanceof Tuple === (wanted[0] === 'tuple'),
          `${at} is a ${wanted[0]}`,
        );
        assert.equal(items.length, wanted[1].length, `items of ${at}`);
        for (const [i, item] of wanted[1].entries())
          await this.compare(items[i] as PyValue, item, `${at}.${i}`, file, source);
        return;
      }
      case 'plain':
        assert.equal(found, wanted[1], at);
        return;
      case 'int':
        assert.ok(typeof found === 'number' || typeof found === 'bigint', `${at} is ${typeof found}`);
        assert.equal(BigInt(found), BigInt(wanted[1]), at);
        return;
      case 'float': {
        assert.ok(typeof found === 'number', `${at} is ${typeof found}`);
        const value = Buffer.from(wanted[1], 'hex').readDoubleBE();
        assert.ok(Object.is(found, value), `${at} is ${found}, not ${value}`);
        return;
      }
      case 'bytes':
        assert.ok(found instanceof Uint8Array, `${at} is bytes`);
        assert.equal(Buffer.from(found).toString('hex'), wanted[1], at);
    }
  }

  private async tensor(
    found: PyValue | undefined,
    [, dtype, shape, parameter, sha256]: Extract<Described, { 0: 'tensor' }>,
    at: string,
    file: TorchFile,
    source: ByteSource,
  ): Promise<void> {
    assert.ok(found instanceof Tensor, `${at} is a tensor`);
    assert.equal(found.dtype.name, dtype, at);
    assert.deepEqual(found.shape, shape, at);
    assert.equal(found.isParameter, parameter, at);
    const bytes = await readTensorBytes(source, file, found, 1 << 24);
    const where = `bytes of ${at}: ${dtype} (${shape.join(', ')}), strides (${found.stride.join(', ')}), offset ${found.offset}`;
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256, where);
    this.tensors++;
    this.dtypes.add(`${this.format}: ${dtype}`);
  }
}

describe(`torch’s reading and ours, seed ${SEED}`, function () {
  this.timeout(0);
  const folder = mkdtempSync(join(tmpdir(), 'npt-trees-'));
  let expected: Expected;
  before(async () => {
    await runPython([join(__dirname, 'make_trees.py'), folder, String(TREES), String(SEED)]);
    expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected;
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it(`are the same for ${TREES} random trees: structure, types, shapes and every element`, async () => {
    const comparison = new Comparison();
    const wrong: string[] = [];
    for (const { file: name, format, value } of expected.files) {
      comparison.format = format;
      const source = new MemorySource(readFileSync(join(folder, name)));
      try {
        const file = await readTorchFile(source);
        assert.deepEqual(file.problems, []);
        assert.equal(file.format, format.startsWith('legacy') ? 'torch legacy' : 'torch zip');
        await comparison.compare(file.value, value, 'the value', file, source);
      } catch (error) {
        wrong.push(`NPT_SEED=${SEED} ${name} (${format}): ${(error as Error).message}`);
      }
    }
    assert.equal(wrong.length, 0, `${wrong.length} files differ:\n${wrong.slice(0, 10).join('\n')}`);
    assert.ok(comparison.tensors > TREES, `${comparison.tensors} tensors`);
    // Every type that this torch can save has been met, in every format that it can be saved in.
    const types = Object.entries(expected.dtypes).flatMap(([format, names]) =>
      names.map((name) => `${format}: ${name}`),
    );
    assert.ok(types.length > 50, `${types.length} types`);
    assert.deepEqual(
      types.filter((type) => !comparison.dtypes.has(type)),
      [],
    );
  });

  it('agree beside tensors that hold no plain elements, which stay what the file says of them', async () => {
    const odd = readdirSync(folder).filter((name) => name.startsWith('odd-'));
    assert.equal(odd.length, 9);
    for (const name of odd) {
      const source = new MemorySource(readFileSync(join(folder, name)));
      const file = await readTorchFile(source);
      assert.deepEqual(file.problems, [], name);
      const plain = file.tensors.find((item) => item.name === 'plain');
      assert.ok(plain, name);
      const bytes = await readTensorBytes(source, file, plain.tensor, 100);
      assert.deepEqual([...new Float32Array(Uint8Array.from(bytes).buffer)], [0, 1, 2, 3, 4], name);
      assert.ok(file.value instanceof PyDict);
      assert.ok(!(file.value.get('odd') instanceof Tensor), name);
    }
  });
});
