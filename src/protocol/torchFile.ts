/**
 * Every message between the extension host and the page that shows a torch file. The host checks whatever the page sends
 * with `parseTorchPageMessage`.
 */
import type { TorchOutline } from '../core/checkpoint/outline/outlineTypes';
import type { SummaryResult } from '../core/torchfile/outlineTypes';

export type { SummaryResult, TorchOutline };

/** The two things that read the file's data, one after the other. */
export type ReadingTask = 'statistics' | 'checksums';

/** The structure, as a TorchOutline in JSON of its own: the host passes it on unread. Summaries known so far follow. */
export interface OutlineMessage {
  readonly type: 'outline';
  /** Counts the versions of the file that were read; answers to questions about an older one are dropped. */
  readonly generation: number;
  readonly json: ArrayBuffer;
}

/** Statistics of some tensors, as SummaryResult[] in JSON of its own: the host passes it on unread. */
export interface SummariesMessage {
  readonly type: 'summaries';
  readonly generation: number;
  readonly json: ArrayBuffer;
}

/** In bytes read. */
export interface ProgressMessage {
  readonly type: 'progress';
  readonly task: ReadingTask;
  readonly done: number;
  readonly total: number;
}

/** The task has ended: done, cancelled, or failed with one line. */
export interface IdleMessage {
  readonly type: 'idle';
  readonly task: ReadingTask;
  readonly problem: string | null;
}

export interface ChecksumsMessage {
  readonly type: 'checksums';
  readonly generation: number;
  /** What does not match, in sentences; none: every record matches. */
  readonly problems: readonly string[];
}

/** The file on disk: as shown; being written by somebody; gone; read again after a change; not readable in one line. */
export type DiskMessage =
  | { readonly type: 'disk'; readonly state: 'same' | 'changing' | 'gone' | 'reloaded' }
  | { readonly type: 'disk'; readonly state: 'failed'; readonly message: string };

export type TorchHostMessage =
  OutlineMessage | SummariesMessage | ProgressMessage | IdleMessage | ChecksumsMessage | DiskMessage;

export type TorchPageMessage =
  /** The page listens now; everything known is sent. */
  | { readonly type: 'ready' }
  /** Statistics of these tensors, the last asked first. */
  | { readonly type: 'summarize'; readonly generation: number; readonly tensors: readonly number[] }
  | { readonly type: 'verify' }
  | { readonly type: 'cancel'; readonly task: ReadingTask }
  | { readonly type: 'report'; readonly message: string };

const MOST_TENSORS = 100_000;
const LONGEST_REPORT = 4096;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The message, checked and copied field by field; undefined for anything that is none. */
export function parseTorchPageMessage(raw: unknown): TorchPageMessage | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { type, generation, tensors, task, message } = raw as Readonly<Record<string, unknown>>;
  switch (type) {
    case 'ready':
    case 'verify':
      return { type };
    case 'summarize':
      if (!isCount(generation) || !Array.isArray(tensors) || tensors.length > MOST_TENSORS) return undefined;
      return tensors.every(isCount) ? { type, generation, tensors: [...tensors] } : undefined;
    case 'cancel':
      return task === 'statistics' || task === 'checksums' ? { type, task } : undefined;
    case 'report':
      return typeof message === 'string' ? { type, message: message.slice(0, LONGEST_REPORT) } : undefined;
    default:
      return undefined;
  }
}
