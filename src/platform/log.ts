/** The extension's log, one line an entry whatever it says. */
import * as vscode from 'vscode';
import { visibleText } from '../core/plainText';

/** A log keeps more of a long text than a window shows. */
const LIMIT = { longest: 8000 };

export class Log implements vscode.Disposable {
  private readonly channel: vscode.LogOutputChannel;

  /** @param name of the output channel */
  constructor(name: string) {
    this.channel = vscode.window.createOutputChannel(name, { log: true });
  }

  debug(message: string): void {
    this.channel.debug(visibleText(message, LIMIT));
  }

  info(message: string): void {
    this.channel.info(visibleText(message, LIMIT));
  }

  warn(message: string): void {
    this.channel.warn(visibleText(message, LIMIT));
  }

  /** An error, with where it comes from when it is one of the language's. @param what was being done */
  error(problem: unknown, what?: string): void {
    const before = what === undefined ? '' : `${what}: `;
    if (!(problem instanceof Error)) {
      this.channel.error(visibleText(`${before}${String(problem)}`, LIMIT));
      return;
    }
    const frames = (problem.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    this.channel.error(
      [`${before}${problem.name}: ${problem.message}`, ...frames].map((line) => visibleText(line, LIMIT)).join('\n'),
    );
  }

  show(): void {
    this.channel.show();
  }

  dispose(): void {
    this.channel.dispose();
  }
}
