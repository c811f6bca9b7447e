/** What an assistant may ask: the language-model tools of package.json. What answers them is loaded with the first question. */
import type * as vscode from 'vscode';
import { registerTools, type ToolCalls } from '../../platform/languageModel';
import type { FeatureDeps } from '../deps';
import type { Manifest } from './assistant';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const { languageModelTools: tools } = (context.extension.packageJSON as Manifest).contributes;
  let made: Promise<ToolCalls> | undefined;
  const load = (): Promise<ToolCalls> =>
    (made ??= import('../../onDemand').then(({ toolCalls }) => toolCalls(context, deps, tools)));
  context.subscriptions.push(
    ...registerTools(
      tools.map(({ name }) => name),
      load,
    ),
  );
}
