/** Registers commands: each is called with what it acts on, and what it throws reaches the user as one line. */
import * as vscode from 'vscode';
import { messageOf } from '../core/errors';
import { showError } from '../platform/messages';
import type { FeatureDeps } from './deps';
import type { Named } from './targets';

/** What commands do, by their identifiers. */
export type Commands = Readonly<Record<string, (named: Named) => unknown>>;

/**
 * VS Code would show a rejection as it is, or nobody: here it is one line that names the command, and the log has the rest.
 */
export function registerCommands(context: vscode.ExtensionContext, deps: FeatureDeps, commands: Commands): void {
  for (const [command, action] of Object.entries(commands)) {
    context.subscriptions.push(
      vscode.commands.registerCommand(command, async (argument?: unknown, selection?: unknown): Promise<unknown> => {
        try {
          return await action({ argument, selection });
        } catch (error) {
          // Not awaited: a message that nobody answers must not keep the command from being done.
          void tellFailure(deps, context.extension.packageJSON, command, error);
          return undefined;
        }
      }),
    );
  }
}

async function tellFailure(deps: FeatureDeps, manifest: unknown, command: string, error: unknown): Promise<void> {
  deps.log.error(error, command);
  const [reason = ''] = messageOf(error).split('\n');
  const show = vscode.l10n.t('Show Log');
  const answer = await showError(vscode.l10n.t('{0} failed: {1}', titleOf(manifest, command), reason), show);
  if (answer === show) deps.log.show();
}

/** The title that the palette shows. */
function titleOf(manifest: unknown, command: string): string {
  const { contributes } = manifest as { contributes: { commands: readonly { command: string; title: string }[] } };
  return contributes.commands.find((each) => each.command === command)?.title ?? command;
}
