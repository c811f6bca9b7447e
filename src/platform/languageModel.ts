/** Registers tools that an assistant may call; what they do and say (toolTexts.ts) is loaded with the first call. */
import * as vscode from 'vscode';

/** The tools, by their names. */
export interface ToolCalls {
  prepare(name: string, input: unknown): Promise<vscode.PreparedToolInvocation | undefined>;
  invoke(name: string, input: unknown, token: vscode.CancellationToken): Promise<vscode.LanguageModelToolResult>;
}

export function registerTools(names: readonly string[], load: () => Promise<ToolCalls>): vscode.Disposable[] {
  // Not every host that takes extensions of this version has assistants.
  const lm = vscode.lm as Partial<typeof vscode.lm> | undefined;
  return names.flatMap(
    (name) =>
      lm?.registerTool?.(name, {
        prepareInvocation: async ({ input }) => (await load()).prepare(name, input),
        invoke: async ({ input }, token) => (await load()).invoke(name, input, token),
      }) ?? [],
  );
}
