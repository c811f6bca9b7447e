/** A whole file beside the sha256 that the manifest has of it. */
import type { ByteSource } from '../../torchfile/container/source';
import { sha256Of } from './dataChecks';
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
