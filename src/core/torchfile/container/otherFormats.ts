/** Files that are neither zip nor pickle, recognized by their first bytes so that a person is told what they hold. */
import type { FileProblem } from '../problems';

interface Magic {
  readonly format: string;
  readonly at?: number;
  readonly bytes: readonly number[] | string;
}

const MAGICS: readonly Magic[] = [
  { format: '7z archive', bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
  { format: 'gzip file', bytes: [0x1f, 0x8b, 0x08] },
  { format: 'RAR archive', bytes: 'Rar!\x1a\x07' },
  { format: 'xz file', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { format: 'Zstandard file', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { format: 'bzip2 file', bytes: 'BZh' },
  { format: 'tar archive', at: 257, bytes: 'ustar' },
  { format: 'NumPy array', bytes: '\x93NUMPY' },
  { format: 'HDF5 file', bytes: '\x89HDF\r\n\x1a\n' },
  { format: 'GGUF model', bytes: 'GGUF' },
  { format: 'ELF program', bytes: '\x7fELF' },
  { format: 'empty zip archive', bytes: 'PK\x05\x06' },
  { format: 'Git LFS pointer', bytes: 'version https://git-lfs' },
  { format: 'HTML page', bytes: '<!DOCTYPE' },
  { format: 'HTML page', bytes: '<html' },
];

/** Null when the bytes may be a pickle. */
export function identifyOtherFormat(head: Uint8Array, size: number): { format: string; problem: FileProblem } | null {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
  for (const magic of MAGICS) {
    const wanted = typeof magic.bytes === 'string' ? magic.bytes : String.fromCharCode(...magic.bytes);
    if (text.startsWith(wanted, magic.at ?? 0)) {
      return {
        format: magic.format,
        problem: { code: 'other-archive', message: `The file is a ${magic.format}, not a torch file.` },
      };
    }
  }
  // safetensors: 64-bit length of a JSON header, then the header.
  if (size > 9 && text[8] === '{' && text[9] === '"' && head.subarray(4, 8).every((byte) => byte === 0)) {
    return {
      format: 'safetensors file',
      problem: { code: 'other-archive', message: 'The file is a safetensors file, not a torch file.' },
    };
  }
  if (head.every((byte) => byte === 0)) {
    return {
      format: 'zeros',
      problem: {
        code: 'zeroed-file',
        message: `The first ${head.length} bytes are zeros: the file was never written out (a crash or a full disk leaves such files).`,
      },
    };
  }
  return null;
}
