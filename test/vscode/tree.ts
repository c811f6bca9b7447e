/** A tree view's rows as a person sees them. */
import type { Locator, Page } from 'playwright-core';

export interface TreeRow {
  readonly label: string;
  readonly description: string;
  /** Depth, 1 for the roots. */
  readonly level: number;
  readonly expanded: boolean;
}

export class TreePage {
  constructor(
    private readonly page: Page,
    /** The view's name, as its header says. */
    private readonly view: string,
  ) {}

  private rowsSelector(): string {
    return `.sidebar .pane:has(.pane-header[aria-label^=${JSON.stringify(this.view)}]) .monaco-list-row`;
  }

  /** The rows that are scrolled into sight, top to bottom, read in one go: a live tree changes between two looks. */
  async rows(): Promise<TreeRow[]> {
    return this.page.evaluate<TreeRow[]>(`
      Array.from(document.querySelectorAll(${JSON.stringify(this.rowsSelector())}))
        .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
        .map((row) => ({
          label: row.querySelector('.label-name')?.textContent ?? '',
          description: row.querySelector('.label-description')?.textContent ?? '',
          level: Number(row.getAttribute('aria-level')),
          expanded: row.getAttribute('aria-expanded') === 'true',
        }))`);
  }

  /** The row with exactly this label. */
  row(label: string): Locator {
    const name = this.page.locator('.label-name').getByText(label, { exact: true });
    return this.page.locator(this.rowsSelector()).filter({ has: name }).first();
  }

  /** Unfolds a row if it is folded. */
  async expand(label: string): Promise<void> {
    const row = this.row(label);
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false') await row.locator('.monaco-tl-twistie').click();
  }
}
