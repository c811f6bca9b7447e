/** What the extension says and asks while a test runs, in place of the window's own notifications and dialogs. */
import * as vscode from 'vscode';

export class Told {
  /** Notifications. */
  readonly said: string[] = [];
  /** Dialogs, with their smaller letters; each is answered with its first button, or with Cancel where `agrees` is false. */
  readonly asked: string[] = [];
  agrees = true;
  private readonly before = {
    showErrorMessage: vscode.window.showErrorMessage,
    showInformationMessage: vscode.window.showInformationMessage,
    showWarningMessage: vscode.window.showWarningMessage,
  };

  constructor() {
    const say = (message: string, options?: vscode.MessageOptions | string, ...buttons: string[]): Promise<unknown> => {
      if (typeof options === 'string' || options?.modal !== true) {
        this.said.push(message);
        return Promise.resolve(undefined);
      }
      this.asked.push(`${message} ${options.detail ?? ''}`);
      return Promise.resolve(this.agrees ? buttons[0] : undefined);
    };
    Object.assign(vscode.window, { showErrorMessage: say, showInformationMessage: say, showWarningMessage: say });
  }

  end(): void {
    Object.assign(vscode.window, this.before);
  }
}
