/** What an assistant's tools ask and answer; VS Code renders a question as Markdown, so every word goes through core/plainText. */
import * as vscode from 'vscode';
import { markdownText, plainText } from '../core/plainText';
import type { ToolCalls } from './languageModel';

/** What a person is asked before a tool does anything: one fact a row. */
export interface Confirmation {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, text: string])[];
}

/** The longest text in a question: a command may have many arguments, and what is agreed to has to be seen. */
const LIMIT = { longest: 4000 };

export interface Tools {
  /** @throws an error of one line, which the assistant is told */
  answer(name: string, input: unknown, signal: AbortSignal): Promise<string>;
  /** What to ask first; undefined for what changes nothing. @throws as `answer` */
  confirmation(name: string, input: unknown): Promise<Confirmation | undefined>;
}

export function callsOf(tools: Tools): ToolCalls {
  return {
    prepare: async (name, input) => {
      const asked = await tools.confirmation(name, input);
      return asked && { confirmationMessages: { title: plainText(asked.title), message: listOf(asked) } };
    },
    invoke: async (name, input, token) => {
      const abort = new AbortController();
      const registration = token.onCancellationRequested(() => {
        abort.abort();
      });
      try {
        const text = await tools.answer(name, input, abort.signal);
        return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
      } finally {
        registration.dispose();
      }
    },
  };
}

function listOf({ rows }: Confirmation): vscode.MarkdownString {
  const lines = rows.map(([name, text]) => `- ${markdownText(name)}: ${markdownText(text, LIMIT)}`);
  return new vscode.MarkdownString(lines.join('\n'));
}
