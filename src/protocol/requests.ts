/**
 * How a page and the host keep their questions and answers together, the same for every page.
 *
 * VS Code throws a page away when it is out of sight, and makes another in the same tab. Each page gives itself a name, says it
 * with everything that it sends, and takes only what is addressed to it; a question has a number, and only the answer to the
 * newest question about a subject counts. So nothing that took long, or was on its way, is taken for something else.
 */
import { object, parser, text, word } from './shape';

/** What every message carries besides its own fields: the page that it comes from, or goes to. */
export interface Addressed {
  readonly page: string;
}

/** The page listens from now on and wants everything; it is the only one that counts. */
export interface ReadyMessage {
  readonly type: 'ready';
}

/** Errors that nobody caught, in one line; for the host's log. */
export interface ReportMessage {
  readonly type: 'report';
  readonly message: string;
}

export const readyMessage = object<ReadyMessage>({ type: word('ready') });
export const reportMessage = object<ReportMessage>({ type: word('report'), message: text(4096, 1) });

const parseAddressed = parser(object<Addressed>({ page: text(100, 1) }));

/** The name of the page that a message comes from or goes to; '' where it says none. */
export function pageOf(raw: unknown): string {
  return parseAddressed(raw)?.page ?? '';
}

/** The host's end: which page listens, and which of its questions still want an answer. */
export class Conversation {
  private page: string | undefined;
  /** Counts the pages that listened. */
  private generation = 0;
  private readonly newest = new Map<string, number>();

  get isOpen(): boolean {
    return this.page !== undefined;
  }

  /** This page listens from now on, and no other. */
  begin(page: string): void {
    this.page = page;
    this.generation += 1;
    this.newest.clear();
  }

  /** Nobody listens until a page says that it is ready. */
  end(): void {
    this.page = undefined;
    this.generation += 1;
  }

  /** Whether this is the page that listens. */
  isWith(page: string): boolean {
    return this.page === page;
  }

  /** The page asked; gives a check of whether that answer is still wanted, for when it is there. */
  question(subject: string, request: number): () => boolean {
    const { generation } = this;
    this.newest.set(subject, Math.max(request, this.newest.get(subject) ?? 0));
    return () => generation === this.generation && this.newest.get(subject) === request;
  }

  /** The message to the page that listens; undefined where none does. */
  address<T extends object>(message: T): (T & Addressed) | undefined {
    return this.page === undefined ? undefined : { ...message, page: this.page };
  }
}

/** The page's end: numbers its questions, and tells which answers it waits for. */
export class Questions {
  private readonly newest = new Map<string, number>();

  /** The number of a new question about the subject; answers to earlier ones count no more. */
  ask(subject: string): number {
    const request = (this.newest.get(subject) ?? 0) + 1;
    this.newest.set(subject, request);
    return request;
  }

  awaits(subject: string, request: number): boolean {
    return this.newest.get(subject) === request;
  }
}
