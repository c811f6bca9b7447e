/**
 * Mutants of real files: reading them never throws, never hangs, never grows. NPT_FUZZ=<count> asks for more mutants of
 * each file than fit into an ordinary test run.
 */
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkData } from '../../../src/core/checkpoint/validate/dataChecks';
import { readTrainingState, readMultiLayerState } from '../../../src/core/checkpoint/contents';
import { fromProblem } from '../../../src/core/checkpoint/validate/findings';
import { checkNumbers } from '../../../src/core/checkpoint/validate/numberChecks';
import { Progress } from '../../../src/core/checkpoint/validate/progress';
import { checkWeights } from '../../../src/core/checkpoint/validate/weightChecks';
import { readPickle } from '../../../src/core/torchfile/pickle/pickle';
import { MemorySource } from '../../../src/core/torchfile/container/source';
import { readTorchFile } from '../../../src/core/torchfile/torchFile';
import { TorchInterpreter } from '../../../src/core/torchfile/pickle/torchValues';
import { listTensors, toPlain } from '../../../src/core/torchfile/pickle/values';
import { recordsOf } from '../checkpoint/fixtures';
import { cpuMs } from '../cpuTime';

const FIXTURES = join(__dirname, '../../fixtures/checkpoints');
const RUNS = Number(process.env['NPT_FUZZ'] ?? 250);

/** One change to a file. Positions are shares of its length, so that shrinking keeps them meaningful. */
type Mutation =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'set'; at: number; bytes: Uint8Array }
  | { kind: 'cut'; at: number; length: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'copy'; from: number; to: number; length: number };

const share = fc.double({ min: 0, max: 1, noNaN: true });
/** Opcodes, zip marks and the numbers at which lengths and offsets go wrong. */
const INTERESTING = [
  'PK\x01\x02',
  'PK\x03\x04',
  'PK\x05\x06',
  'PK\x06\x06',
  '\xff\xff\xff\xff',
  '\xff\xff',
  '\x00\x00\x00\x80',
  '\x7f',
  '\x00',
  '(',
  't',
  'R',
  'b',
  '.',
  '\x81',
  '\x93',
  'cos\nsystem\n',
  '0',
  '2',
  'Q',
  'h\x00',
  '\x95\xff\xff\xff\xff\xff\xff\xff\x7f',
  '\x8e\x00\x00\x00\x00\x01\x00\x00\x00',
  'X\xff\xff\xff\x7f',
  '}',
  ']',
].map((text) => new Uint8Array(Buffer.from(text, 'latin1')));
const piece = fc.oneof(fc.constantFrom(...INTERESTING), fc.uint8Array({ minLength: 1, maxLength: 16 }));
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: share, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('set' as const), at: share, bytes: piece }),
  fc.record({ kind: fc.constant('cut' as const), at: share, length: fc.nat(5000) }),
  fc.record({ kind: fc.constant('insert' as const), at: share, bytes: piece }),
  fc.record({ kind: fc.constant('copy' as const), from: share, to: share, length: fc.nat(300) }),
);

function mutate(original: Buffer, mutations: readonly Mutation[], window: { start: number; length: number }): Buffer {
  let data = Buffer.from(original);
  for (const change of mutations) {
    const place = (value: number): number =>
      Math.min(window.start + Math.floor(value * window.length), Math.max(data.length - 1, 0));
    if (data.length === 0) break;
    switch (change.kind) {
      case 'flip':
        data[place(change.at)]! ^= 1 << change.bit;
        break;
      case 'set':
        data.set(change.bytes.subarray(0, data.length - place(change.at)), place(change.at));
        break;
      case 'cut':
        data = Buffer.concat([data.subarray(0, place(change.at)), data.subarray(place(change.at) + change.length)]);
        break;
      case 'insert':
        data = Buffer.concat([data.subarray(0, place(change.at)), change.bytes, data.subarray(place(change.at))]);
        break;
      case 'copy':
        data.copyWithin(place(change.to), place(change.from), place(change.from) + change.length);
        break;
    }
  }
  return data;
}

async function readEverything(data: Uint8Array): Promise<void> {
  const source = new MemorySource(data);
  const started = cpuMs();
  const file = await readTorchFile(source);
  for (const problem of file.problems) assert.ok(fromProblem('x', problem).message.length < 3000);
  toPlain(file.value);
  readTrainingState(file.value);
  readMultiLayerState(file.value);
  checkWeights(file.value, file.tensors);
  const { numbers } = await checkData(source, file, 'x', { checksums: true, numbers: true }, new Progress({}));
  checkNumbers(numbers, 'x', 'weights', 1);
  const took = cpuMs() - started;
  assert.ok(took < 1000, `took ${took} ms`);
}

const FILES = [
  'field/checkpoint-24000/training_state.pt',
  'ours-dual/checkpoint-30/multi_layer_state.pt',
  'ours-triple/checkpoint-60/npt_weights.pt',
  'files/dtypes.pt',
  'files/legacy.pt',
  'files/protocol0.pkl',
  'files/protocol2.pkl',
  'files/protocol5.pkl',
  'files/numpy.pkl',
];

describe('mutants of real files', function () {
  this.timeout(0);

  for (const name of FILES) {
    const original = readFileSync(join(FIXTURES, name));
    // Most of a torch zip is data in which nothing can go wrong: half of the mutants change its values or its directory.
    const windows = [{ start: 0, length: original.length }];
    if (original.subarray(0, 2).toString() === 'PK') {
      for (const [record, place] of recordsOf(original))
        if (record.endsWith('data.pkl')) windows.push({ start: place.start, length: place.length });
      const directory = original.indexOf(Buffer.from('PK\x01\x02'));
      windows.push({ start: directory, length: original.length - directory });
    }
    it(`of ${name} are read without a crash, a hang or a throw`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(mutation, { minLength: 1, maxLength: 6 }),
          fc.constantFrom(...windows),
          async (mutations, window) => {
            await readEverything(mutate(original, mutations, window));
          },
        ),
        { numRuns: RUNS },
      );
    });
  }

  it('and pickles of random opcodes end', () => {
    const opcode = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom(
          ...'(.0123456789NIJKLMFGSTUVXBC]l)t}dsuaegjpqrcRiobPQ'.split('').map((c) => Buffer.from(c)),
        ),
      },
      { weight: 2, arbitrary: fc.integer({ min: 0x80, max: 0x98 }).map((byte) => Buffer.from([byte])) },
      { weight: 3, arbitrary: piece.map((bytes) => Buffer.from(bytes)) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n'),
          Buffer.from('ccollections\nOrderedDict\n'),
          Buffer.from('c_codecs\nencode\n'),
        ),
      },
    );
    fc.assert(
      fc.property(fc.array(opcode, { maxLength: 200 }), (pieces) => {
        const started = cpuMs();
        const result = readPickle(Buffer.concat([...pieces, Buffer.from('.')]), new TorchInterpreter());
        listTensors(result.value);
        toPlain(result.value);
        assert.ok(cpuMs() - started < 1000);
      }),
      { numRuns: RUNS * 20 },
    );
  });
});

describe('one flipped bit', () => {
  it('in the data of any record of a file without a manifest is always noticed', async () => {
    const original = readFileSync(join(FIXTURES, 'field/checkpoint-24000/training_state.pt'));
    const records = [...recordsOf(original)].filter(([, place]) => place.length > 0);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...records), share, fc.nat(7), async ([, place], at, bit) => {
        const data = Buffer.from(original);
        data[place.start + Math.min(Math.floor(at * place.length), place.length - 1)]! ^= 1 << bit;
        const source = new MemorySource(data);
        const file = await readTorchFile(source);
        const { findings } = await checkData(source, file, 'x', { checksums: true, numbers: false }, new Progress({}));
        assert.ok(findings.some((finding) => finding.code === 'checksum-mismatch'));
      }),
      { numRuns: RUNS },
    );
  });
});
