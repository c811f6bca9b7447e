/**
 * Colour themes of a running window, switched by what the system prefers: nothing loses focus and open menus stay, unlike
 * with the command; and a served VS Code stops noticing changes of the settings file some seconds after its start.
 */
import type { Page } from 'playwright-core';

/** User settings with which {@link switchTheme} works. */
export const THEME_SETTINGS = {
  'window.autoDetectColorScheme': true,
  'window.autoDetectHighContrast': true,
  'workbench.preferredDarkColorTheme': 'Dark Modern',
  'workbench.preferredLightColorTheme': 'Light Modern',
  'workbench.preferredHighContrastColorTheme': 'Default High Contrast',
};

const THEMES = {
  dark: { colorScheme: 'dark', forcedColors: 'none', windowClass: 'vs-dark' },
  light: { colorScheme: 'light', forcedColors: 'none', windowClass: 'vs' },
  'high-contrast': { colorScheme: 'dark', forcedColors: 'active', windowClass: 'hc-black' },
} as const;

export type ThemeName = keyof typeof THEMES;

/** Switches and waits until the window shows the theme. */
export async function switchTheme(page: Page, theme: ThemeName): Promise<void> {
  const { colorScheme, forcedColors, windowClass } = THEMES[theme];
  await page.emulateMedia({ colorScheme, forcedColors });
  await page.locator(`.monaco-workbench.${windowClass}`).waitFor();
}
