/** Colour themes of a running window, switched where a person would: in the settings. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

export const THEMES = {
  dark: { name: 'Default Dark Modern', bodyClass: 'vs-dark' },
  light: { name: 'Default Light Modern', bodyClass: 'vs' },
  'high-contrast': { name: 'Default High Contrast', bodyClass: 'hc-black' },
} as const;

export type ThemeName = keyof typeof THEMES;

/** Switches and waits until the window shows the theme. Leaves focus and open menus as they are. */
export async function switchTheme(page: Page, settingsFile: string, theme: ThemeName): Promise<void> {
  const settings = JSON.parse(readFileSync(settingsFile, 'utf8')) as Record<string, unknown>;
  const { name, bodyClass } = THEMES[theme];
  if (settings['workbench.colorTheme'] !== name) {
    writeFileSync(settingsFile, JSON.stringify({ ...settings, 'workbench.colorTheme': name }, null, 2));
  }
  await page.locator(`.monaco-workbench.${bodyClass}`).waitFor();
}
