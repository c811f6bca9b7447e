/**
 * What a pickle may import, judged by name. Safe names are listed one by one, because a module that is mostly harmless
 * has been every scanner's way past its own list; everything not listed is unknown at best.
 */
import { DTYPE_NAMES, STORAGE_CLASS_NAMES } from '../tensors/dtypes';

/**
 * safe: makes plain data, tensors or numbers. dangerous: running it (or being able to) is what an attack wants.
 * unknown: a class or function that we cannot judge; it stays opaque and is reported.
 */
export type GlobalKind = 'safe' | 'unknown' | 'dangerous';

const SAFE: Readonly<Record<string, readonly string[]>> = {
  builtins: [
    'dict',
    'list',
    'tuple',
    'set',
    'frozenset',
    'int',
    'float',
    'complex',
    'bool',
    'str',
    'bytes',
    'bytearray',
    'object',
    'slice',
    'range',
    'Ellipsis',
    'NotImplemented',
  ],
  collections: ['OrderedDict', 'defaultdict', 'Counter', 'deque'],
  copyreg: ['_reconstructor', '__newobj__', '__newobj_ex__'],
  _codecs: ['encode'],
  argparse: ['Namespace'],
  datetime: ['datetime', 'date', 'time', 'timedelta', 'timezone'],
  decimal: ['Decimal'],
  fractions: ['Fraction'],
  pathlib: ['Path', 'PosixPath', 'WindowsPath', 'PurePath', 'PurePosixPath', 'PureWindowsPath'],
  'pathlib._local': ['Path', 'PosixPath', 'WindowsPath', 'PurePath', 'PurePosixPath', 'PureWindowsPath'],
  types: ['SimpleNamespace'],
  uuid: ['UUID', 'SafeUUID'],
  numpy: [
    'dtype',
    'ndarray',
    'bool_',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'float16',
    'float32',
    'float64',
    'longdouble',
    'complex64',
    'complex128',
    'str_',
    'bytes_',
  ],
  'numpy.core.multiarray': ['scalar', '_reconstruct'],
  'numpy._core.multiarray': ['scalar', '_reconstruct'],
  'numpy.core.numeric': ['_frombuffer'],
  'numpy._core.numeric': ['_frombuffer'],
  'numpy.dtypes': [
    'BoolDType',
    'Int8DType',
    'Int16DType',
    'Int32DType',
    'Int64DType',
    'UInt8DType',
    'UInt16DType',
    'UInt32DType',
    'UInt64DType',
    'Float16DType',
    'Float32DType',
    'Float64DType',
    'Complex64DType',
    'Complex128DType',
  ],
  'numpy.random': ['RandomState'],
  'numpy.random._pickle': ['__randomstate_ctor', '__generator_ctor', '__bit_generator_ctor'],
  'numpy.random._mt19937': ['MT19937', '__pyx_unpickle_MT19937'],
  'numpy.random._pcg64': ['PCG64'],
  torch: [
    ...STORAGE_CLASS_NAMES,
    ...DTYPE_NAMES,
    'Size',
    'device',
    'Tensor',
    'Generator',
    'strided',
    'sparse_coo',
    'sparse_csr',
    'per_tensor_affine',
    'per_channel_affine',
    'contiguous_format',
    'channels_last',
    'preserve_format',
    'BFloat16Tensor',
    'FloatTensor',
    'HalfTensor',
    'DoubleTensor',
    'LongTensor',
    'IntTensor',
    'ByteTensor',
    'BoolTensor',
  ],
  'torch.cuda': STORAGE_CLASS_NAMES,
  'torch.storage': ['UntypedStorage', 'TypedStorage'],
  'torch.serialization': ['_get_layout'],
  'torch._tensor': ['Tensor', '_rebuild_from_type_v2'],
  'torch.nn.parameter': ['Parameter', 'UninitializedParameter', 'Buffer'],
  'torch.optim.adamw': ['AdamW'],
  'torch._utils': [
    '_rebuild_tensor',
    '_rebuild_tensor_v2',
    '_rebuild_tensor_v3',
    '_rebuild_parameter',
    '_rebuild_parameter_with_state',
    '_rebuild_sparse_tensor',
    '_rebuild_sparse_csr_tensor',
    '_rebuild_qtensor',
    '_rebuild_meta_tensor_no_storage',
    '_rebuild_device_tensor_from_numpy',
    '_rebuild_device_tensor_from_cpu_tensor',
    '_rebuild_nested_tensor',
    '_rebuild_wrapper_subclass',
  ],
};

const SAFE_SETS = new Map(Object.entries(SAFE).map(([module, names]) => [module, new Set(names)]));

/** Python 2 names that Python 3's unpickler still translates for protocols below 3 (Lib/_compat_pickle.py). */
const PYTHON2_MODULES: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
  copy_reg: 'copyreg',
  commands: 'subprocess',
  Queue: 'queue',
  SocketServer: 'socketserver',
  ConfigParser: 'configparser',
  cPickle: 'pickle',
  _winreg: 'winreg',
  urllib2: 'urllib.request',
  urllib: 'urllib.parse',
  UserDict: 'collections',
  UserList: 'collections',
  UserString: 'collections',
  whichdb: 'dbm',
  anydbm: 'dbm',
  dbhash: 'dbm.bsd',
  dumbdb: 'dbm.dumb',
  gdbm: 'dbm.gnu',
};

/** Modules of which nothing but the names above has any place in a checkpoint: they run code, files or the network. */
const DANGEROUS_ROOTS = new Set(
  (
    'os posix nt posixpath ntpath subprocess _posixsubprocess sys builtins __builtin__ shutil socket _socket ssl ' +
    'ctypes _ctypes pty tty runpy importlib imp _imp pkgutil zipimport pickle _pickle cPickle shelve marshal copyreg ' +
    'copy_reg code codeop codecs _codecs types inspect dis ast compileall py_compile pdb bdb cProfile profile timeit trace doctest ' +
    'unittest pydoc operator _operator functools itertools _functools multiprocessing concurrent threading _thread asyncio signal ' +
    'atexit faulthandler gc weakref tempfile glob fileinput io _io pathlib webbrowser antigravity this http urllib ' +
    'urllib2 ftplib smtplib telnetlib poplib imaplib xmlrpc socketserver requests aiohttp httpx paramiko fabric ' +
    'venv ensurepip pip setuptools distutils pkg_resources site sysconfig idlelib lib2to3 turtledemo tkinter ' +
    'logging configparser sqlite3 dbm mmap resource platform getpass curses cmd commands readline rlcompleter ' +
    'linecache tracemalloc zipfile tarfile zipapp bz2 gzip lzma zlib nturl2path msilib winreg _winreg _winapi crypt pwd grp ' +
    'sched contextlib reprlib typing string warnings dataclasses enum abc queue select selectors traceback optparse ' +
    'test tests nose pytest _pytest dill cloudpickle joblib pandas yaml ruamel jsonpickle IPython ipykernel sympy ' +
    'numexpr cffi numba jinja2 mako django flask ansible sh plumbum pexpect ptyprocess invoke nltk keras tensorflow ' +
    'mlflow bentoml torchvision fsspec smart_open boto3 gevent greenlet'
  ).split(' '),
);

/** Stdlib roots above that hold plain value classes too: judged dangerous only when called, or one by one. */
const VALUE_CLASS_ROOTS = new Set([
  'pathlib',
  'types',
  'typing',
  'enum',
  'abc',
  'string',
  'dataclasses',
  'weakref',
  'itertools',
  'logging',
  'threading',
  'pandas',
  'test',
  'tests',
]);

/** Parts of torch and numpy that load, compile or run what they are given. */
const DANGEROUS_PREFIXES = [
  'torch.hub',
  'torch.jit',
  'torch.package',
  'torch.load',
  'torch.serialization',
  'torch.utils.cpp_extension',
  'torch.utils.bottleneck',
  'torch.utils.collect_env',
  'torch.utils.model_zoo',
  'torch.utils._config_module',
  'torch.utils.data.datapipes',
  'torch.utils.file_baton',
  'torch.utils.benchmark',
  'torch.multiprocessing',
  'torch.distributed',
  'torch._dynamo',
  'torch._inductor',
  'torch._export',
  'torch.export',
  'torch.compiler',
  'torch.fx',
  'torch.onnx',
  'torch.ops',
  'torch.classes',
  'torch._ops',
  'torch._C',
  'torch._utils_internal',
  'torch.testing',
  'torch.autograd.profiler',
  'torch.library',
  'torch._lazy',
  'torch._functorch',
  'torch.storage',
  'numpy.testing',
  'numpy.f2py',
  'numpy.distutils',
  'numpy.ctypeslib',
  'numpy.lib',
  'numpy.load',
  'numpy.fromfile',
  'numpy.memmap',
  'numpy.core.memmap',
  'numpy.vectorize',
  'numpy.apply_along_axis',
];

/** Attribute names through which any object leads to everything else. */
const DANGEROUS_PARTS = new Set([
  'system',
  'popen',
  'Popen',
  'eval',
  'exec',
  'execfile',
  'compile',
  '__import__',
  '__globals__',
  '__builtins__',
  '__subclasses__',
  '__class__',
  '__bases__',
  '__mro__',
  '__dict__',
  '__getattribute__',
  '__code__',
  '__reduce__',
  '__reduce_ex__',
  '__loader__',
  '__spec__',
  'os',
  'sys',
  'subprocess',
  'builtins',
  'importlib',
  'shutil',
  'socket',
  'getattr',
  'setattr',
]);

function startsWithPath(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}.`);
}

/** Judges one import. Names with dots walk attributes (protocol 4), so every part counts. */
export function classifyGlobal(module: string, name: string): GlobalKind {
  const canonical = Object.hasOwn(PYTHON2_MODULES, module) ? (PYTHON2_MODULES[module] as string) : module;
  if (SAFE_SETS.get(canonical)?.has(name) === true) return 'safe';
  if (canonical === 'torch.storage' && name === '_load_from_bytes') return 'safe'; // what it loads is looked into
  const path = `${canonical}.${name}`;
  const parts = path.split('.');
  const root = parts[0] ?? '';
  if (DANGEROUS_PREFIXES.some((prefix) => startsWithPath(path, prefix))) return 'dangerous';
  if (parts.slice(1).some((part) => DANGEROUS_PARTS.has(part))) return 'dangerous';
  if (DANGEROUS_ROOTS.has(root) && !VALUE_CLASS_ROOTS.has(root)) return 'dangerous';
  return 'unknown';
}

/**
 * Judges a call of something that classifyGlobal finds unknown. Functions of Python's own library, torch and numpy
 * that are not on the safe list are how new attacks look; a call into somebody's own module may just be an enum.
 */
export function classifyUnknownCall(module: string): 'dangerous' | 'unknown' {
  const root = module.split('.')[0] ?? '';
  return DANGEROUS_ROOTS.has(root) ||
    STANDARD_LIBRARY.has(root) ||
    root === 'torch' ||
    root === 'numpy' ||
    root === 'scipy'
    ? 'dangerous'
    : 'unknown';
}

const STANDARD_LIBRARY = new Set(
  (
    'aifc array asynchat asyncore audioop base64 binascii binhex bisect calendar cgi cgitb chunk cmath colorsys ' +
    'contextvars copy csv difflib email encodings errno fcntl filecmp fnmatch formatter fractions getopt gettext ' +
    'graphlib hashlib heapq hmac html imghdr ipaddress json keyword locale lzma mailbox mailcap math mimetypes ' +
    'modulefinder netrc nis nntplib ntpath numbers ossaudiodev parser pickletools pipes plistlib pprint pstats pyclbr ' +
    'quopri random re secrets shlex smtpd sndhdr spwd stat statistics stringprep struct sunau symbol symtable syslog ' +
    'tabnanny termios textwrap time token tokenize tomllib tracemalloc tty turtle unicodedata uu wave wsgiref xdrlib ' +
    'xml zoneinfo collections datetime decimal uuid _collections _struct _random'
  ).split(' '),
);
