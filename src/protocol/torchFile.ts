/** Every message between the extension host and the page that shows a torch file; both sides check what they are sent. */
import type { TorchOutline } from '../core/checkpoint/outline/torchOutline';
import type { SummaryResult } from '../core/torchfile/outlineTypes';
import { readyMessage, reportMessage, type ReadyMessage, type ReportMessage } from './requests';
import { bytes, count, either, list, message, nullable, number, object, parser, text, word } from './shape';

export type { SummaryResult, TorchOutline };

/** The two things that read the file's data, one after the other. */
export const READING_TASKS = ['statistics', 'checksums'] as const;
export type ReadingTask = (typeof READING_TASKS)[number];

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

/** Statistics of these tensors, the last asked first; they come as `summaries`. */
export interface SummarizeMessage {
  readonly type: 'summarize';
  readonly generation: number;
  readonly tensors: readonly number[];
}

/** Check every record's checksum. */
export interface VerifyMessage {
  readonly type: 'verify';
}

export interface CancelMessage {
  readonly type: 'cancel';
  readonly task: ReadingTask;
}

export type TorchPageMessage = ReadyMessage | SummarizeMessage | VerifyMessage | CancelMessage | ReportMessage;

const MOST_TENSORS = 100_000;

const task = word(...READING_TASKS);

const hostMessage = message<TorchHostMessage>({
  outline: object({ type: word('outline'), generation: count, json: bytes }),
  summaries: object({ type: word('summaries'), generation: count, json: bytes }),
  progress: object({ type: word('progress'), task, done: number(0), total: number(0) }),
  idle: object({ type: word('idle'), task, problem: nullable(text()) }),
  checksums: object({ type: word('checksums'), generation: count, problems: list(text()) }),
  disk: either(
    object({ type: word('disk'), state: word('same', 'changing', 'gone', 'reloaded') }),
    object({ type: word('disk'), state: word('failed'), message: text() }),
  ),
});

const pageMessage = message<TorchPageMessage>({
  ready: readyMessage,
  summarize: object({ type: word('summarize'), generation: count, tensors: list(count, MOST_TENSORS) }),
  verify: object({ type: word('verify') }),
  cancel: object({ type: word('cancel'), task }),
  report: reportMessage,
});

/** What the page may be sent, checked. */
export const parseTorchHostMessage = parser(hostMessage);
/** What the page may send, checked. */
export const parseTorchPageMessage = parser(pageMessage);
