/** Everything that torch itself reads from the fixtures (expected.json, made by torch) is read the same here. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemorySource, openFile } from '../../../src/core/torchfile/container/source';
import { readTensorBytes } from '../../../src/core/torchfile/tensors/tensorData';
import { readTorchFile, type TorchFile } from '../../../src/core/torchfile/torchFile';
import { PyDict, PySet, sequenceItems, Tuple, type PyValue } from '../../../src/core/torchfile/pickle/values';

const FIXTURES = join(__dirname, '../../fixtures/checkpoints');

interface ExpectedTensor {
  dtype: string;
  shape: number[];
  stride: number[];
  sha256: string;
}

const expected = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Record<
  string,
  Record<string, ExpectedTensor>
>;

function fixture(name: string): Buffer {
  return readFileSync(join(FIXTURES, name));
}

async function read(name: string): Promise<TorchFile> {
  return readTorchFile(new MemorySource(fixture(name)));
}

describe('reading torch files', () => {
  for (const [name, tensors] of Object.entries(expected)) {
    it(`reads every tensor of ${name} as torch does`, async () => {
      const source = new MemorySource(fixture(name));
      const file = await readTorchFile(source);
      assert.deepEqual(file.problems, []);
      const found = new Map(file.tensors.map(({ name: key, tensor }) => [key, tensor]));
      assert.ok(Object.keys(tensors).length > 0 || name.includes('multi_layer'));
      for (const [key, wanted] of Object.entries(tensors)) {
        const tensor = found.get(key);
        assert.ok(tensor, `${key} is missing`);
        assert.equal(tensor.dtype.name, wanted.dtype, key);
        assert.deepEqual(tensor.shape, wanted.shape, key);
        assert.deepEqual(tensor.stride, wanted.stride, key);
        const bytes = await readTensorBytes(source, file, tensor, 1 << 20);
        assert.equal(createHash('sha256').update(bytes).digest('hex'), wanted.sha256, key);
      }
      assert.equal(found.size, Object.keys(tensors).length);
    });
  }

  it('reads the same through a file, blocking and not', async () => {
    for (const blocking of [true, false]) {
      const source = await openFile(join(FIXTURES, 'files/dtypes.pt'), blocking);
      try {
        const file = await readTorchFile(source);
        assert.deepEqual(file.problems, []);
        assert.equal(file.tensors.length, Object.keys(expected['files/dtypes.pt'] ?? {}).length);
      } finally {
        await source.close();
      }
    }
  });

  it('knows the formats', async () => {
    assert.equal((await read('files/dtypes.pt')).format, 'torch zip');
    assert.equal((await read('files/legacy.pt')).format, 'torch legacy');
    assert.equal((await read('files/protocol2.pkl')).format, 'pickle');
  });

  it('reads numpy scalars of numpy 1 and 2 as numbers', async () => {
    for (const name of ['field', 'field-numpy1']) {
      const { value } = await read(`${name}/checkpoint-24000/training_state.pt`);
      assert.ok(value instanceof PyDict);
      const scheduler = value.get('scheduler_state_dict');
      assert.ok(scheduler instanceof PyDict);
      assert.deepEqual(scheduler.get('_last_lr'), [4.2e-5]);
    }
  });
});

describe('pickle protocols', () => {
  for (let protocol = 0; protocol <= 5; protocol++) {
    it(`reads plain values of protocol ${protocol}`, async () => {
      const file = await read(`files/protocol${protocol}.pkl`);
      assert.deepEqual(file.problems, []);
      const dict = file.value;
      assert.ok(dict instanceof PyDict);
      const get = (key: string): PyValue | undefined => dict.get(key);
      assert.equal(get('none'), null);
      assert.equal(get('bool'), true);
      assert.equal(get('int'), -5);
      assert.equal(get('big'), 2n ** 80n);
      assert.equal(get('negative'), -(2 ** 40));
      assert.equal(get('float'), 1.5);
      assert.equal(get('inf'), -Infinity);
      assert.equal(get('text'), 'é\n\u{1f600}\'"\\u0041');
      const bytes = get('bytes');
      assert.ok(bytes instanceof Uint8Array);
      assert.deepEqual([...bytes], [0, 255, 128]);
      assert.deepEqual(get('list'), [1, [2]]);
      assert.deepEqual(sequenceItems(get('tuple')), [1, 2, 3, 4]);
      const empty = sequenceItems(get('empty'));
      assert.ok(empty?.[0] instanceof Tuple && Array.isArray(empty[1]) && empty[2] instanceof PyDict);
      const set = get('set');
      assert.ok(set instanceof PySet);
      assert.deepEqual(set.items, [1, 2]);
      const frozen = get('frozen');
      assert.ok(frozen instanceof PySet);
      assert.deepEqual(frozen.items, [3]);
      const ordered = get('ordered');
      assert.ok(ordered instanceof PyDict);
      assert.equal(ordered.get('a'), 1);
      const array = get('array');
      assert.ok(array instanceof Uint8Array);
      assert.equal(Buffer.from(array).toString(), 'abc');
    });
  }

  it('finds nothing to complain about in numpy arrays and random states', async () => {
    assert.deepEqual((await read('files/numpy.pkl')).problems, []);
  });
});
