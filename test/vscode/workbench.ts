/** What a person does in VS Code's window, by the names they see. Waits instead of sleeping, except where noted. */
import type { Locator, Page } from 'playwright-core';

const MENU_SETTLES_MS = 350;
/** After which a menu or the palette that does not offer what is wanted is opened again, and how often. */
const OFFERED_WITHIN_MS = 10_000;
const MOST_OFFERS = 18;
/** After which a pick that is not there is asked for again, and how often. */
const ASKED_AGAIN_MS = 60_000;
const MOST_ATTEMPTS = 4;

export class WorkbenchPage {
  constructor(readonly page: Page) {}

  /** Resolves when the window can be used. */
  async waitReady(): Promise<void> {
    await this.page.locator('.monaco-workbench .statusbar-item').first().waitFor({ timeout: 180_000 });
  }

  /** Shows an activity bar container by its title. */
  async showContainer(title: string): Promise<void> {
    const icon = `:has(.action-label[aria-label^="${title}"])`;
    const item = this.page.locator(`.activitybar .action-item${icon}`).first();
    const shown = this.page.locator(`.activitybar .action-item.checked${icon}`).first();
    await item.waitFor();
    while (!(await shown.isVisible())) {
      await item.click();
      // A window that reloads may have shown the container between the look and the click, which then hid it.
      const clicked = await shown.waitFor({ timeout: 5000 }).catch((error: unknown) => error);
      if (clicked === undefined) return;
    }
  }

  /**
   * Runs a command from the palette by its full title. The palette of a window that has just opened lacks commands, as its menus
   * do (openContextMenu), and does not get them while it is open.
   */
  async runCommand(title: string): Promise<void> {
    await this.quickOpen('F1', `>${title}`, this.pickRow(title));
  }

  /** Opens a file of the workspace by the beginning of its name. */
  async openFile(name: string): Promise<void> {
    const rows = this.page.locator('.quick-input-list .monaco-list-row');
    await this.quickOpen('Control+P', name, rows.filter({ hasText: name }).first());
  }

  /** Opens the palette or the list of files, types, and chooses a row. */
  private async quickOpen(key: string, text: string, row: Locator): Promise<void> {
    let byKey = true;
    await this.again(
      async () => {
        // A key that is pressed while a webview that has the focus goes away reaches nobody: then by the mouse.
        if (byKey) await this.page.keyboard.press(key);
        else await this.page.locator('.command-center-center').first().click({ timeout: OFFERED_WITHIN_MS });
        await this.quickInput().fill(text, { timeout: OFFERED_WITHIN_MS });
        await row.click({ timeout: OFFERED_WITHIN_MS });
      },
      async () => {
        byKey = !byKey;
        await this.page.keyboard.press('Escape');
      },
    );
  }

  /**
   * Runs a command that asks with a pick, and chooses a row of it. A window that is busy may take the focus, and VS Code then
   * closes the pick: a person would ask again.
   */
  async runAndPick(title: string, label: string, description?: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      await this.runCommand(title);
      try {
        await this.quickInput().fill(label, { timeout: ASKED_AGAIN_MS });
        await this.pickRow(label, description).click({ timeout: ASKED_AGAIN_MS });
        return;
      } catch (error) {
        if (attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible input.input');
  }

  /**
   * Chooses a row of the open quick pick by its exact label. Rows are replaced while the list filters, and Enter may take
   * a stale one, so the row itself is clicked.
   */
  async pick(label: string, description?: string): Promise<void> {
    await this.pickRow(label, description).click();
  }

  /** A row of the open quick pick by its exact label and, where several share it, its description. */
  pickRow(label: string | RegExp, description?: string): Locator {
    const text = (selector: string, value: string | RegExp): Locator =>
      this.page.locator(selector).getByText(value, { exact: true });
    const rows = this.page
      .locator('.quick-input-widget:visible .quick-input-list .monaco-list-row')
      .filter({ has: text('.label-name', label) });
    return (description === undefined ? rows : rows.filter({ has: text('.label-description', description) })).first();
  }

  /** Labels and descriptions of the open quick pick's visible rows, top to bottom. */
  async pickRows(): Promise<string[]> {
    const rows = await this.page
      .locator('.quick-input-widget:visible .quick-input-list .monaco-list-row')
      .allInnerTexts();
    return rows.map((row) => row.replace(/\s+/g, ' ').trim());
  }

  /** Types into the input box that opens, and confirms. */
  async enter(value: string): Promise<void> {
    // A pick that was just answered has an input, too, for as long as it takes to close.
    await this.page.locator('.quick-input-widget:visible .quick-input-list:visible').waitFor({ state: 'hidden' });
    const input = this.quickInput();
    await input.fill(value);
    await input.press('Enter');
  }

  /**
   * Opens a row's context menu and leaves it open, once it offers this entry. A window that has just opened greys entries out
   * until it knows whether it is trusted, rows move while their tree fills, and what takes the focus closes a menu: a person
   * would open it again.
   */
  async openContextMenu(row: Locator, title: string): Promise<void> {
    await this.again(
      () => this.offeredInMenu(row, title),
      () => this.closeMenu(),
    );
  }

  /** Chooses an entry of a row's context menu by its exact title. */
  async chooseInContextMenu(row: Locator, title: string): Promise<void> {
    await this.again(
      async () => {
        const entry = await this.offeredInMenu(row, title);
        // A menu ignores clicks of its first 300 ms, so that the press that opened it does not choose.
        await this.page.waitForTimeout(MENU_SETTLES_MS);
        await entry.click({ timeout: OFFERED_WITHIN_MS });
      },
      () => this.closeMenu(),
    );
    await this.menu().waitFor({ state: 'detached' });
    await this.rest();
  }

  /** Opens a row's context menu. @returns the entry, once it can be chosen */
  private async offeredInMenu(row: Locator, title: string): Promise<Locator> {
    const entry = this.page
      .locator('.monaco-menu .action-item:not(.disabled) > .action-menu-item:not(.disabled)')
      .filter({ has: this.page.locator('.action-label').getByText(title, { exact: true }) })
      .first();
    await row.click({ button: 'right' });
    await entry.waitFor({ timeout: OFFERED_WITHIN_MS });
    return entry;
  }

  private menu(): Locator {
    return this.page.locator('.monaco-menu').first();
  }

  private async closeMenu(): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.menu().waitFor({ state: 'detached' });
  }

  /** Asks again, as a person would, for what was not offered in time; `close` closes what was opened to ask. */
  private async again(ask: () => Promise<unknown>, close: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await ask();
        return;
      } catch (error) {
        if (attempt === MOST_OFFERS) throw error;
      }
      await close();
    }
  }

  /** Moves the pointer to where nothing lights up under it. */
  async rest(): Promise<void> {
    const { width = 0, height = 0 } = this.page.viewportSize() ?? {};
    await this.page.mouse.move(width / 2, height - 5);
  }

  /** The toast whose text matches. */
  notification(text: string | RegExp): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item').filter({ hasText: text }).first();
  }

  /** Clears those that come while they are cleared, too. */
  async clearNotifications(): Promise<void> {
    await this.again(
      async () => {
        await this.runCommand('Notifications: Clear All Notifications');
        const toast = this.page.locator('.notifications-toasts .notification-list-item').first();
        await toast.waitFor({ state: 'detached', timeout: OFFERED_WITHIN_MS });
      },
      () => this.rest(),
    );
  }

  /** The rows of the terminal that is in front. */
  terminal(): Locator {
    return this.page.locator('.terminal-wrapper.active .xterm-rows').first();
  }

  tab(title: string | RegExp): Locator {
    return this.page.locator('.tabs-container .tab').filter({ hasText: title }).first();
  }

  statusBar(text: string | RegExp): Locator {
    return this.page.locator('.statusbar-item').filter({ hasText: text }).first();
  }

  async closeEditors(): Promise<void> {
    await this.runCommand('View: Close All Editors');
  }
}
