/** A torch file's values and tensors as plain data, for whoever shows them: the page imports these types and no reader. */

export type OutlineKind =
  | 'dict'
  | 'list'
  | 'tuple'
  | 'set'
  | 'tensor'
  | 'string'
  | 'number'
  | 'bool'
  | 'none'
  | 'bytes'
  | 'object'
  | 'global'
  | 'storage'
  /** An object that was shown before: shared, or containing itself. */
  | 'same'
  /** What was left out. */
  | 'more';

/** One line of the tree. Nodes come in the order in which an unfolded tree shows them, so a subtree is a stretch of them. */
export interface OutlineNode {
  /** Index of the parent; -1 for the root. */
  readonly parent: number;
  /** Key or position in the parent; control characters and direction marks are spelled out, in texts too. */
  readonly key: string;
  readonly kind: OutlineKind;
  readonly text: string;
  /** Index into the outline's tensors. */
  readonly tensor?: number;
  /** Python would import or call something here that is not known to be harmless. */
  readonly risk?: 'unknown' | 'dangerous';
}

export interface OutlineTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In elements; null where the tensor is contiguous. */
  readonly stride: readonly number[] | null;
  readonly elements: number;
  /** Of its elements, wherever they lie. */
  readonly bytes: number;
  /** The record (`data/3`) or legacy storage that holds them. */
  readonly storage: string;
  /** Tensors that lie in the same storage, itself included. */
  readonly sharing: number;
  readonly isParameter: boolean;
}

/** The finite numbers of a tensor. null where there are none, or where a double cannot hold the result. */
export interface TensorSummary {
  /** Complex numbers are summarised by their absolute values. */
  readonly of: 'values' | 'magnitudes';
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Population standard deviation. */
  readonly std: number | null;
  readonly zeros: number;
  readonly nan: number;
  readonly infinite: number;
  /** Elements in equal intervals from `min` to `max`; one interval an integer where there are few. */
  readonly histogram: readonly number[];
}

/** A tensor's summary, or in one line why there is none. */
export type SummaryResult =
  { readonly tensor: number; readonly summary: TensorSummary } | { readonly tensor: number; readonly problem: string };
