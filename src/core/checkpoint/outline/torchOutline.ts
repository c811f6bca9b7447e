/** A torch file's structure as plain data: what the checkpoint worker tells the page that shows it (features/torchFile). */
import type { OutlineNode, OutlineTensor } from '../../torchfile/outlineTypes';
import type { FileIdentity } from '../fileIdentity';
import type { Severity, Verdict } from '../report/report';

export interface TorchOutline {
  readonly name: string;
  readonly identity: FileIdentity;
  /** "torch zip", "torch legacy", "pickle", or what else it turned out to be. */
  readonly format: string;
  /** What the file says of how it was written, as name and value. */
  readonly versions: readonly (readonly [name: string, value: string])[];
  readonly verdict: Verdict;
  readonly findings: readonly { readonly severity: Severity; readonly message: string }[];
  /** What Python would call while loading it, as far as it is not known to be harmless, written as Python. */
  readonly calls: readonly { readonly risk: 'unknown' | 'dangerous'; readonly text: string }[];
  /** none: the format has none, or every CRC in the file is zero. */
  readonly checksums: 'present' | 'none';
  readonly nodes: readonly OutlineNode[];
  readonly tensors: readonly OutlineTensor[];
  /** Tensors in the file, also those beyond what `tensors` lists. */
  readonly tensorCount: number;
}
