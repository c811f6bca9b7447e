/** What the extension host and the checkpoint worker say to each other. */
import type { Level, ValidationReport } from './report';

/** Host to worker. `cancel` is one 32-bit word: not zero means stop. */
export interface ValidateRequest {
  readonly id: number;
  readonly path: string;
  readonly level: Level;
  readonly cancel: SharedArrayBuffer;
}

/** Worker to host. */
export type WorkerReply =
  | { readonly kind: 'progress'; readonly id: number; readonly done: number; readonly total: number }
  | { readonly kind: 'report'; readonly id: number; readonly report: ValidationReport }
  | { readonly kind: 'cancelled'; readonly id: number }
  /** `expected` errors are the user's (a path that leads nowhere); others are ours. */
  | { readonly kind: 'error'; readonly id: number; readonly expected: boolean; readonly message: string };
