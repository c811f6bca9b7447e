/** Notifications: VS Code makes links, command links too, of `[x](…)` in them, so every word goes through plainText. */
import * as vscode from 'vscode';
import { plainText } from '../core/plainText';

/** VS Code cuts a notification's end after 1,000 characters; the middle of ours goes first. */
const LIMIT = { longest: 900 };

type Show = (message: string, ...buttons: string[]) => Thenable<string | undefined>;

/** @returns the button that was pressed, as it was given; undefined when the notification was closed */
async function show(open: Show, message: string, buttons: readonly string[]): Promise<string | undefined> {
  const labels = buttons.map((button) => plainText(button));
  const pressed = await open(plainText(message, LIMIT), ...labels);
  return pressed === undefined ? undefined : buttons[labels.indexOf(pressed)];
}

export function showInformation(message: string, ...buttons: string[]): Promise<string | undefined> {
  return show((...told) => vscode.window.showInformationMessage(...told), message, buttons);
}

export function showWarning(message: string, ...buttons: string[]): Promise<string | undefined> {
  return show((...told) => vscode.window.showWarningMessage(...told), message, buttons);
}

export function showError(message: string, ...buttons: string[]): Promise<string | undefined> {
  return show((...told) => vscode.window.showErrorMessage(...told), message, buttons);
}

/**
 * A question that must be answered before anything goes on: a dialog with the buttons and Cancel.
 *
 * @param detail what the answer means, in smaller letters
 * @returns the button, or undefined for Cancel
 */
export function ask(message: string, detail: string, ...buttons: string[]): Promise<string | undefined> {
  const options = { modal: true, detail: plainText(detail) };
  return show((text, ...labels) => vscode.window.showWarningMessage(text, options, ...labels), message, buttons);
}
