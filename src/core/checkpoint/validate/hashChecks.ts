/** A whole file beside the sha256 that the manifest has of it. */
import { createHash } from 'node:crypto';
import { extentPieces } from '../../torchfile/container/chunks';
import type { ByteSource } from '../../torchfile/container/source';
import { finding } from './findings';
import { MANIFEST } from '../fileNames';
import type { Progress } from './progress';
import type { Finding } from '../report/report';

export async function checkSha256(
  source: ByteSource,
  name: string,
  expected: string,
  progress: Progress,
): Promise<Finding[]> {
  if ((await sha256Of(source, progress)) === expected) return [];
  return [finding('sha256-mismatch', name, `${name} is not the file that ${MANIFEST} describes: its sha256 differs.`)];
}

/** sha256 of a whole file, as a manifest has it. */
async function sha256Of(source: ByteSource, progress: Progress): Promise<string> {
  const hash = createHash('sha256');
  for await (const { bytes } of extentPieces(source, [{ position: 0, length: source.size }])) {
    hash.update(bytes);
    progress.add(bytes.length);
  }
  return hash.digest('hex');
}
