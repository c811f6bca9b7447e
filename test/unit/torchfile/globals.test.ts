/** What a pickle may name, and texts that spell another pickle: by the list that the trainer decides by too. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { MemorySource } from '../../../src/core/torchfile/container/source';
import { readTorchFile } from '../../../src/core/torchfile/torchFile';
import { payloadsFor } from '../checkpoint/attackPayloads';
import { bytes, FIXTURES, pickle, text, torchZip } from '../checkpoint/fixtures';
import { cpuMs } from '../cpuTime';

async function problemsOf(opcodes: Buffer): Promise<string[]> {
  const file = await readTorchFile(new MemorySource(torchZip(pickle('\x80\x02', opcodes, '.'))));
  return file.problems.map(({ code }) => code);
}

const EVIL = Buffer.from("cos\nsystem\n(S'touch /nowhere/npt-marker'\ntR.");

describe('what a pickle may name', () => {
  it('is asked of the trainer’s reader too: the payloads are the same', () => {
    const file = join(FIXTURES, '../validation/payloads.json');
    const { payloads } = JSON.parse(readFileSync(file, 'utf8')) as { payloads: object[] };
    const ours = payloadsFor('/nowhere/npt-marker').map(({ family, name, opcodes }) => ({
      family,
      name,
      opcodes: opcodes.toString('base64'),
    }));
    assert.deepEqual(payloads, ours);
    assert.equal(payloads.length, 68);
  });

  const harmless: Record<string, Buffer> = {
    'a defaultdict of protocol 2, which has Python 2’s names': pickle(
      'ccollections\ndefaultdict\nc__builtin__\nint\n\x85R',
    ),
    'a set of Python 2': pickle('c__builtin__\nset\n]\x85R'),
    'what copy_reg rebuilds': pickle(
      'ccopy_reg\n_reconstructor\n(ccollections\nOrderedDict\nc__builtin__\nobject\nNtR',
    ),
    'torch’s generator': pickle('ctorch._C\nGenerator\nctorch\ndevice\n', text('cpu'), '\x85R\x85R'),
    'a masked array': pickle(
      'cnumpy.ma.core\n_mareconstruct\n(cnumpy.ma\nMaskedArray\ncnumpy\nndarray\n(I0\nt',
      text('b'),
      'tR',
    ),
    'a DTensor’s placement': pickle('ctorch.distributed.tensor.placement_types\nShard\n)\x81}', text('dim'), 'I0\nsb'),
    arguments: pickle('cargparse\nNamespace\n)\x81}', text('lr'), 'G?\x50\x62\x4d\xd2\xf1\xa9\xfcsb'),
    'a logger': pickle('clogging\ngetLogger\n', text('npt'), '\x85R'),
  };
  for (const [name, opcodes] of Object.entries(harmless)) {
    it(`${name}: harmless`, async () => {
      assert.deepEqual(await problemsOf(opcodes), []);
    });
  }

  const judged: Record<string, [Buffer, string[]]> = {
    'an object of a class that nobody knows': [
      pickle('ctransformers.training_args\nTrainingArguments\n)\x81}b'),
      ['unknown-global'],
    ],
    'a member of an unknown enum': [pickle('cmylib\nKind\nI1\n\x85R'), ['unknown-call']],
    'a call into torch.distributed': [pickle('ctorch.distributed.rpc.api\nrpc_sync\n)R'), ['dangerous-global']],
    'a data frame': [pickle('cpandas.core.frame\nDataFrame\n)\x81}b'), ['unknown-global']],
    'Python 2’s execfile': [pickle('c__builtin__\nexecfile\n', text('x'), '\x85R'), ['dangerous-global']],
    'Python 2’s urlopen': [pickle('curllib2\nurlopen\n', text('x'), '\x85R'), ['dangerous-global']],
    'a masked array of what runs code': [
      pickle('cnumpy.ma.core\n_mareconstruct\ncos\nsystem\n\x85R'),
      ['dangerous-global'],
    ],
    'a generator made by what runs code': [
      pickle('cnumpy.random._pickle\n__generator_ctor\n', text('touch x'), 'cos\nsystem\n\x86R'),
      ['dangerous-global'],
    ],
  };
  for (const [name, [opcodes, expected]] of Object.entries(judged)) {
    it(`${name}: ${expected.join(', ')}`, async () => {
      assert.deepEqual(await problemsOf(opcodes), expected);
    });
  }
});

describe('a payload that has to be decoded', () => {
  const spelled: Record<string, Buffer> = {
    base64: text(EVIL.toString('base64')),
    'base64 of URLs, without its end': text(EVIL.toString('base64url')),
    'base64 in lines': text(EVIL.toString('base64').replace(/.{20}/g, '$&\n')),
    hex: text(EVIL.toString('hex')),
    'hex as Python writes it': text(EVIL.toString('hex').replace(/../g, '\\x$&')),
    zlib: bytes(deflateSync(EVIL)),
    gzip: bytes(gzipSync(EVIL)),
    'base64 of zlib': text(deflateSync(EVIL).toString('base64')),
    'bytes of base64 of gzip of hex': bytes(
      Buffer.from(gzipSync(Buffer.from(EVIL.toString('hex'))).toString('base64')),
    ),
    'text as it is': text(EVIL.toString('latin1')),
    'a torch file': text(torchZip(EVIL).toString('base64')),
  };
  for (const [name, opcodes] of Object.entries(spelled)) {
    it(`${name}: a warning that names it`, async () => {
      assert.deepEqual(await problemsOf(pickle('}', text('note'), opcodes, 's')), ['encoded-pickle']);
      assert.deepEqual(await problemsOf(pickle('}', opcodes, 'Ns')), ['encoded-pickle'], 'as a key');
    });
  }

  it('is nothing in text that only looks so, and takes no time', async () => {
    const started = cpuMs();
    const harmless = [
      text('d41d8cd98f00b204e9800998ecf8427e'),
      text(Buffer.alloc(3_000_000, 'Zm9vYmFy').toString()),
      text(pickle('\x80\x02}.').toString('base64')),
      bytes(deflateSync(Buffer.alloc(200_000_000))),
    ];
    assert.deepEqual(await problemsOf(pickle('](', ...harmless, 'e')), []);
    assert.ok(cpuMs() - started < 5000);
  });
});
