/**
 * Hand-made attacks: every way past a scanner that we know of, as bytes. None may ever be called valid, and nothing here
 * is ever loaded by Python in a test. Where Python would run something, the verdict must be `dangerous`.
 */
import { deflateRawSync } from 'node:zlib';
import type { Verdict } from '../../../src/core/checkpoint/report/report';
import { bytes, pickle, recordsOf, text, torchEntries, torchZip, zip } from './fixtures';

export interface Attack {
  readonly name: string;
  readonly data: Uint8Array;
  /** Null: anything but valid. */
  readonly verdict: Verdict | null;
}

const PROTO2 = '\x80\x02';
const PROTO4 = '\x80\x04';
const COMMAND = text('touch /tmp/npt-attack');

function call(module: string, name: string, proto = PROTO2): Buffer {
  return pickle(proto, `c${module}\n${name}\n`, COMMAND, '\x85R.');
}

const evil = call('os', 'system');
const innocent = pickle(PROTO2, '}.');

/** A pickle that names a float storage of four elements and makes a tensor of it. */
function tensorPickle(
  options: { key?: string; numel?: number; offset?: number; shape?: number[]; stride?: number[]; before?: Buffer } = {},
): Buffer {
  const { key = '0', numel = 4, offset = 0, shape = [4], stride = [1], before = Buffer.alloc(0) } = options;
  const integer = (value: number): Buffer => pickle(`I${value}\n`);
  const tuple = (values: number[]): Buffer => pickle('(', ...values.map(integer), 't');
  return pickle(
    PROTO2,
    before,
    '}',
    text('w'),
    'ctorch._utils\n_rebuild_tensor_v2\n',
    '((',
    text('storage'),
    'ctorch\nFloatStorage\n',
    text(key),
    text('cpu'),
    integer(numel),
    'tQ',
    integer(offset),
    tuple(shape),
    tuple(stride),
    '\x89',
    'ccollections\nOrderedDict\n)R',
    'tRs.',
  );
}

const floats = Buffer.from(new Float32Array([1, 2, 3, 4]).buffer);

/** Calls that scanners' lists have missed at one time or another, each a way to run code with an innocent face. */
const GADGETS: [string, string][] = [
  ['os', 'system'],
  ['posix', 'system'],
  ['nt', 'system'],
  ['subprocess', 'Popen'],
  ['subprocess', 'check_output'],
  ['builtins', 'eval'],
  ['builtins', 'exec'],
  ['__builtin__', 'eval'],
  ['builtins', 'getattr'],
  ['builtins', '__import__'],
  ['commands', 'getoutput'],
  ['runpy', 'run_path'],
  ['importlib', 'import_module'],
  ['pickle', 'loads'],
  ['_pickle', 'loads'],
  ['cPickle', 'loads'],
  ['dill', 'loads'],
  ['cloudpickle', 'loads'],
  ['joblib', 'load'],
  ['marshal', 'loads'],
  ['types', 'FunctionType'],
  ['operator', 'attrgetter'],
  ['_operator', 'methodcaller'],
  ['functools', 'partial'],
  ['shutil', 'rmtree'],
  ['socket', 'create_connection'],
  ['ssl', 'get_server_certificate'],
  ['requests', 'get'],
  ['urllib.request', 'urlopen'],
  ['webbrowser', 'open'],
  ['ctypes', 'CDLL'],
  ['pty', 'spawn'],
  ['timeit', 'timeit'],
  ['cProfile', 'runctx'],
  ['profile', 'run'],
  ['pdb', 'run'],
  ['bdb', 'Bdb.run'],
  ['trace', 'Trace.run'],
  ['doctest', 'debug_script'],
  ['code', 'InteractiveInterpreter'],
  ['pip', 'main'],
  ['pip._internal', 'main'],
  ['ensurepip', '_run_pip'],
  ['venv', 'create'],
  ['asyncio.unix_events', '_UnixSubprocessTransport._start'],
  ['distutils.file_util', 'write_file'],
  ['lib2to3.pgen2.grammar', 'Grammar.loadGrammar'],
  ['idlelib.pyshell', 'ModifiedInterpreter.runcommand'],
  ['idlelib.run', 'Executive.runcode'],
  ['pydoc', 'pipepager'],
  ['numpy.testing._private.utils', 'runstring'],
  ['numpy.f2py.crackfortran', 'getlincoef'],
  ['numpy', 'load'],
  ['torch', 'load'],
  ['torch.hub', 'load'],
  ['torch.jit', 'load'],
  ['torch.utils.bottleneck.__main__', 'run_cprofile'],
  ['torch.utils.collect_env', 'run'],
  ['torch.utils._config_module', 'ConfigModule.load_config'],
  ['torch.jit.unsupported_tensor_ops', 'execWrapper'],
  ['torch._dynamo.guards', 'GuardBuilder.get'],
  ['torch.fx.experimental.symbolic_shapes', 'ShapeEnv.evaluate_guards_expression'],
  ['torch.distributed.rpc', 'rpc_sync'],
  ['torch._inductor.codecache', 'compile_file'],
  ['torch.utils.cpp_extension', 'load_inline'],
  ['torch.serialization', 'load'],
  ['torch.storage', 'os.system'],
  ['collections', 'namedtuple'],
  ['collections', 'abc.sys.modules'],
  ['logging.config', 'dictConfig'],
  ['sqlite3', 'connect'],
  ['tempfile', 'NamedTemporaryFile'],
  ['io', 'open'],
  ['_io', 'FileIO'],
  ['linecache', 'getline'],
  ['sys', 'exit'],
  ['signal', 'raise_signal'],
  ['gc', 'get_objects'],
  ['pandas', 'read_pickle'],
  ['yaml', 'unsafe_load'],
  ['IPython', 'start_ipython'],
  ['sympy', 'sympify'],
  ['scipy.io', 'loadmat'],
  ['base64', 'b64decode'],
  ['xml.etree.ElementTree', 'parse'],
  ['csv', 'reader'],
];

export const ATTACKS: readonly Attack[] = [
  ...GADGETS.map(([module, name]) => ({
    name: `calls ${module}.${name}`,
    data: torchZip(call(module, name)),
    verdict: 'dangerous' as const,
  })),
  // --- how a call can be spelled
  {
    name: 'a bare pickle, protocol 0',
    data: pickle("cos\nsystem\n(S'touch /tmp/npt-attack'\ntR."),
    verdict: 'dangerous',
  },
  { name: 'INST', data: torchZip(pickle("(S'touch'\nios\nsystem\n.")), verdict: 'dangerous' },
  { name: 'OBJ', data: torchZip(pickle('(cos\nsystem\n', COMMAND, 'o.')), verdict: 'dangerous' },
  {
    name: 'NEWOBJ',
    data: torchZip(pickle(PROTO2, 'csubprocess\nPopen\n', COMMAND, '\x85\x81.')),
    verdict: 'dangerous',
  },
  {
    name: 'NEWOBJ_EX',
    data: torchZip(pickle(PROTO4, 'csubprocess\nPopen\n', COMMAND, '\x85}\x92.')),
    verdict: 'dangerous',
  },
  {
    name: 'STACK_GLOBAL',
    data: torchZip(pickle(PROTO4, text('os'), text('system'), '\x93', COMMAND, '\x85R.')),
    verdict: 'dangerous',
  },
  {
    name: 'STACK_GLOBAL with its names out of the memo',
    data: torchZip(
      pickle(PROTO4, text('os'), 'q\x00', text('system'), 'q\x01', '00', 'h\x00h\x01\x93', COMMAND, '\x85R.'),
    ),
    verdict: 'dangerous',
  },
  {
    name: 'STACK_GLOBAL with a dotted name',
    data: torchZip(pickle(PROTO4, text('torch'), text('os.system'), '\x93', COMMAND, '\x85R.')),
    verdict: 'dangerous',
  },
  {
    name: 'a name computed while loading',
    data: torchZip(
      pickle(PROTO4, text('os'), 'cbase64\nb64decode\n', text('c3lzdGVt'), '\x85R', '\x93', COMMAND, '\x85R.'),
    ),
    verdict: 'dangerous',
  },
  { name: 'imported and dropped', data: torchZip(pickle(PROTO2, 'cos\nsystem\n0}.')), verdict: 'dangerous' },
  {
    name: 'imported as a value',
    data: torchZip(pickle(PROTO2, '}', text('f'), 'cos\nsystem\ns.')),
    verdict: 'dangerous',
  },
  {
    name: 'called, result dropped, innocent value returned',
    data: torchZip(pickle(PROTO2, 'cos\nsystem\n', COMMAND, '\x85R0}.')),
    verdict: 'dangerous',
  },
  {
    name: 'called before the pickle breaks off',
    data: torchZip(pickle(PROTO2, 'cos\nsystem\n', COMMAND, '\x85R')),
    verdict: 'dangerous',
  },
  {
    name: 'called before an invalid opcode',
    data: torchZip(pickle(PROTO2, 'cos\nsystem\n', COMMAND, '\x85R\xff.')),
    verdict: 'dangerous',
  },
  {
    name: 'called after something torch would refuse',
    data: torchZip(pickle(PROTO2, '\x8c\x01aQ0', 'cos\nsystem\n', COMMAND, '\x85R.')),
    verdict: 'dangerous',
  },
  {
    name: 'called behind a tensor out of bounds',
    data: torchZip(pickle(tensorPickle({ shape: [99] }).subarray(0, -1), '0', 'cos\nsystem\n', COMMAND, '\x85R.'), {
      0: floats,
    }),
    verdict: 'dangerous',
  },
  {
    name: 'between the parts of an ordinary tensor',
    data: torchZip(tensorPickle({ before: pickle('cos\nsystem\n', COMMAND, '\x85R0') }), { 0: floats }),
    verdict: 'dangerous',
  },
  {
    name: 'a call of what a call returned',
    data: torchZip(pickle(PROTO2, 'ccollections\nOrderedDict\n', '(tR', '(tR.')),
    verdict: 'dangerous',
  },
  {
    name: 'a call of an object of an unknown class',
    data: torchZip(pickle(PROTO2, 'cmylib\nTool\n)\x81)R.')),
    verdict: 'dangerous',
  },
  {
    name: 'BUILD on a function',
    data: torchZip(pickle(PROTO2, 'ctorch._utils\n_rebuild_tensor_v2\n', '}', text('__code__'), 'Nsb.')),
    verdict: 'dangerous',
  },
  {
    name: 'BUILD on a class',
    data: torchZip(pickle(PROTO2, 'ccollections\nOrderedDict\n', 'N}', text('__reduce__'), 'Ns\x86b.')),
    verdict: 'dangerous',
  },
  {
    name: 'items set in a module’s thing',
    data: torchZip(pickle(PROTO2, 'cmylib\nregistry\n', text('k'), 'Ns.')),
    verdict: 'dangerous',
  },
  {
    name: 'a call forwarded by _rebuild_from_type_v2',
    data: torchZip(
      pickle(PROTO2, 'ctorch._tensor\n_rebuild_from_type_v2\n', '(cos\nsystem\n', 'N', COMMAND, '\x85', 'NtR.'),
    ),
    verdict: 'dangerous',
  },
  {
    name: 'a made object’s class forwarded by copyreg',
    data: torchZip(pickle(PROTO2, 'ccopyreg\n_reconstructor\n', '(csubprocess\nPopen\n', 'cbuiltins\nobject\nNtR.')),
    verdict: 'dangerous',
  },
  {
    name: 'a defaultdict whose factory is dangerous',
    data: torchZip(pickle(PROTO2, 'ccollections\ndefaultdict\ncos\nabort\n\x85R.')),
    verdict: 'dangerous',
  },
  { name: 'an unknown function called', data: torchZip(call('mylib.tools', 'run')), verdict: 'unverifiable' },
  { name: 'a Python 2 alias', data: torchZip(call('__builtin__', 'execfile')), verdict: 'dangerous' },
  { name: 'behind an extension code', data: torchZip(pickle(PROTO2, '\x82\x01.')), verdict: 'invalid' },
  // --- a pickle in a pickle
  {
    name: 'a pickle in a byte string',
    data: torchZip(pickle('\x80\x03}', text('x'), bytes(evil), 's.')),
    verdict: 'dangerous',
  },
  {
    name: 'a pickle in protocol 2’s way of spelling bytes',
    data: torchZip(
      pickle(PROTO2, '}', text('x'), 'c_codecs\nencode\n', text(evil.toString('latin1')), text('latin1'), '\x86Rs.'),
    ),
    verdict: 'dangerous',
  },
  {
    name: 'a pickle in a bytearray',
    data: torchZip(pickle('\x80\x05}', text('x'), '\x96', u64(evil.length), evil, 's.')),
    verdict: 'dangerous',
  },
  {
    name: 'a torch file in a byte string',
    data: torchZip(pickle('\x80\x03', 'ctorch.storage\n_load_from_bytes\n', bytes(torchZip(evil)), '\x85R.')),
    verdict: 'dangerous',
  },
  {
    name: 'a pickle in a pickle in a pickle',
    data: torchZip(pickle('\x80\x03', bytes(pickle('\x80\x03', bytes(evil), '.')), '.')),
    verdict: 'dangerous',
  },
  { name: 'a dropped byte string', data: torchZip(pickle('\x80\x03', bytes(evil), '0}.')), verdict: 'dangerous' },
  { name: 'a second pickle behind the first', data: pickle(innocent, evil), verdict: 'dangerous' },
  { name: 'a payload behind the end of data.pkl', data: torchZip(pickle(innocent, evil)), verdict: 'invalid' },
  // --- the container
  {
    name: 'two data.pkl, the evil one first',
    data: zip([{ name: 'archive/data.pkl', data: evil }, ...torchEntries(innocent)]),
    verdict: 'dangerous',
  },
  {
    name: 'two data.pkl, the evil one last',
    data: zip([...torchEntries(innocent), { name: 'archive/data.pkl', data: evil }]),
    verdict: 'dangerous',
  },
  {
    name: 'two data.pkl that differ in case',
    data: zip([...torchEntries(innocent), { name: 'archive/DATA.PKL', data: evil }]),
    verdict: 'dangerous',
  },
  {
    name: 'a second folder with a data.pkl',
    data: zip([...torchEntries(innocent), { name: 'other/data.pkl', data: evil }]),
    verdict: null,
  },
  {
    name: 'another name in the local header (CVE-2025-1944)',
    data: zip([{ name: 'archive/data.pkl', localName: 'archive/data.bin', data: innocent }]),
    verdict: 'invalid',
  },
  {
    name: 'an evil pickle under another local name',
    data: zip([{ name: 'archive/data.pkl', localName: 'archive/data.bin', data: evil }]),
    verdict: 'dangerous',
  },
  {
    name: 'the encryption flag on plain data (CVE-2025-1945)',
    data: zip([{ name: 'archive/data.pkl', flags: 0x809, data: evil }]),
    verdict: 'dangerous',
  },
  {
    name: 'the encryption flag in one header only',
    data: zip([{ name: 'archive/data.pkl', localFlags: 0x809, data: innocent }]),
    verdict: 'invalid',
  },
  {
    name: 'a tensor marked as a directory',
    data: markedAsDirectory(torchZip(tensorPickle(), { 0: floats }), 'archive/data/0'),
    verdict: 'invalid',
  },
  {
    name: 'an evil pickle marked as a directory',
    data: markedAsDirectory(torchZip(evil), 'archive/data.pkl'),
    verdict: 'dangerous',
  },
  {
    name: 'strong encryption flag',
    data: zip([{ name: 'archive/data.pkl', flags: 0x848, data: innocent }]),
    verdict: 'unverifiable',
  },
  {
    name: 'a wrong CRC (CVE-2025-10156)',
    data: zip([{ name: 'archive/data.pkl', crc: 0xdeadbeef, data: evil }]),
    verdict: 'dangerous',
  },
  {
    name: 'an innocent pickle with a wrong CRC',
    data: zip([{ name: 'archive/data.pkl', crc: 0xdeadbeef, data: innocent }]),
    verdict: 'invalid',
  },
  {
    name: 'a deflated evil pickle',
    data: zip([{ name: 'archive/data.pkl', method: 8, data: deflateRawSync(evil), size: evil.length }]),
    verdict: 'dangerous',
  },
  {
    name: 'a zip bomb',
    data: zip([
      { name: 'archive/data.pkl', method: 8, data: deflateRawSync(Buffer.alloc(50_000_000)), size: 50_000_000 },
    ]),
    verdict: null,
  },
  {
    name: 'a bomb that lies about its size',
    data: zip([{ name: 'archive/data.pkl', method: 8, data: deflateRawSync(Buffer.alloc(50_000_000)), size: 10 }]),
    verdict: 'invalid',
  },
  {
    name: 'an unknown compression method',
    data: zip([{ name: 'archive/data.pkl', method: 14, data: innocent }]),
    verdict: 'invalid',
  },
  {
    name: 'records that overlap',
    data: zip([...torchEntries(innocent), { name: 'archive/.hidden', data: floats, offset: 0 }]),
    verdict: 'invalid',
  },
  {
    name: 'a record beyond the end',
    data: zip([...torchEntries(innocent), { name: 'archive/data/7', data: floats, size: 1e9, storedSize: 1e9 }]),
    verdict: 'invalid',
  },
  {
    name: 'a header beyond the end',
    data: zip([...torchEntries(innocent), { name: 'archive/data/7', data: floats, offset: 0x7fffffff }]),
    verdict: 'invalid',
  },
  {
    name: 'bytes between the records',
    data: zip(torchEntries(innocent), { gap: Buffer.from('hidden payload') }),
    verdict: 'invalid',
  },
  {
    name: 'bytes before the first record',
    data: zip(torchEntries(innocent), { before: Buffer.from('PK\x03\x04 polyglot') }),
    verdict: null,
  },
  { name: 'a pickle in front of a zip', data: zip(torchEntries(innocent), { before: evil }), verdict: 'dangerous' },
  { name: 'bytes behind the zip', data: zip(torchEntries(innocent), { after: evil }), verdict: 'invalid' },
  { name: 'a second zip behind the zip', data: Buffer.concat([torchZip(innocent), torchZip(evil)]), verdict: null },
  { name: 'a zip comment', data: zip(torchEntries(innocent), { comment: evil }), verdict: 'invalid' },
  {
    name: 'a pickle among the extra records',
    data: zip([...torchEntries(innocent), { name: 'archive/extra.pkl', data: evil }]),
    verdict: null,
  },
  {
    name: 'a TorchScript archive',
    data: zip([...torchEntries(innocent), { name: 'archive/constants.pkl', data: evil }]),
    verdict: 'unverifiable',
  },
  { name: 'a truncated zip', data: torchZip(evil).subarray(0, -30), verdict: null },
  // --- tensors
  {
    name: 'a tensor outside its storage',
    data: torchZip(tensorPickle({ shape: [5] }), { 0: floats }),
    verdict: 'invalid',
  },
  {
    name: 'a tensor with an offset outside its storage',
    data: torchZip(tensorPickle({ offset: 4 }), { 0: floats }),
    verdict: 'invalid',
  },
  {
    name: 'a tensor with a huge stride',
    data: torchZip(tensorPickle({ shape: [2], stride: [1 << 30] }), { 0: floats }),
    verdict: 'invalid',
  },
  {
    name: 'a tensor with a negative stride',
    data: torchZip(tensorPickle({ stride: [-1] }), { 0: floats }),
    verdict: 'invalid',
  },
  {
    name: 'a shape whose product overflows',
    data: torchZip(tensorPickle({ shape: [2 ** 30, 2 ** 30], stride: [0, 0] }), { 0: floats }),
    verdict: null,
  },
  {
    name: 'a storage larger than its record',
    data: torchZip(tensorPickle({ numel: 1000, shape: [1000] }), { 0: floats }),
    verdict: 'invalid',
  },
  { name: 'a storage without a record', data: torchZip(tensorPickle()), verdict: 'invalid' },
  {
    name: 'a storage key that climbs out',
    data: torchZip(tensorPickle({ key: '../../etc/passwd' }), { 0: floats }),
    verdict: 'invalid',
  },
  // --- exhaustion
  { name: 'ten million marks', data: torchZip(Buffer.alloc(10_000_000, '(')), verdict: null },
  {
    name: 'ten million opcodes',
    data: torchZip(pickle(PROTO2, Buffer.alloc(10_000_000, 'N0'), '}.')),
    verdict: 'unverifiable',
  },
  { name: 'doubling tuples', data: torchZip(pickle(PROTO2, ')', Buffer.alloc(100_000, '2\x86'), '.')), verdict: null },
  { name: 'a string that claims 4 GB', data: torchZip(pickle(PROTO2, 'X\xff\xff\xff\xff.')), verdict: 'invalid' },
  {
    name: 'bytes that claim 2^60',
    data: torchZip(pickle(PROTO4, '\x8e\x00\x00\x00\x00\x00\x00\x00\x10.')),
    verdict: 'invalid',
  },
  {
    name: 'an integer of a megabyte',
    data: torchZip(pickle(PROTO2, '\x8b\x00\x00\x10\x00', Buffer.alloc(1 << 20, 0x7f), '.')),
    verdict: 'unverifiable',
  },
  {
    name: 'a list that contains itself',
    data: torchZip(pickle(PROTO2, ']q\x00h\x00a', 'cos\nsystem\n', COMMAND, '\x85Ra.')),
    verdict: 'dangerous',
  },
  {
    name: 'a memo index of 2^31',
    data: torchZip(pickle(PROTO2, '}r\xff\xff\xff\x7f', 'j\xff\xff\xff\x7f', 'cos\nsystem\n', COMMAND, '\x85R.')),
    verdict: 'dangerous',
  },
  // --- not torch at all
  {
    name: 'a tar',
    data: Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\0'), Buffer.alloc(249)]),
    verdict: 'unverifiable',
  },
  { name: 'a 7z', data: Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0, 4]), verdict: 'unverifiable' },
  { name: 'text', data: Buffer.from('hello, this is not a pickle'), verdict: 'unverifiable' },
  { name: 'zeros', data: Buffer.alloc(5000), verdict: 'invalid' },
  { name: 'nothing', data: Buffer.alloc(0), verdict: 'invalid' },
];

function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

/** The archive with MS-DOS's directory attribute on one of its records: torch does not read that one's data. */
function markedAsDirectory(archive: Buffer, record: string): Buffer {
  archive.writeUInt32LE(0x10, (recordsOf(archive).get(record)?.directoryAt ?? NaN) + 38);
  return archive;
}
