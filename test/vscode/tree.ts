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

  private pane(): Locator {
    // A container with a single view shows no header: then the container's title names it.
    return this.page.locator(`.sidebar .pane:has(.pane-header[aria-label^="${this.view}"])`);
  }

  /** The rows that are scrolled into sight, top to bottom. */
  async rows(): Promise<TreeRow[]> {
    const rows: TreeRow[] = [];
    for (const row of await this.pane().locator('.monaco-list-row').all()) {
      const [label, description, level, expanded] = await Promise.all([
        row.locator('.label-name').first().innerText(),
        row.locator('.label-description').allInnerTexts(),
        row.getAttribute('aria-level'),
        row.getAttribute('aria-expanded'),
      ]);
      rows.push({ label, description: description.join(' '), level: Number(level), expanded: expanded === 'true' });
    }
    return rows;
  }

  /** The row with exactly this label; with `under`, the first such row below that one. */
  row(label: string): Locator {
    const name = this.page.locator('.label-name').getByText(label, { exact: true });
    return this.pane().locator('.monaco-list-row').filter({ has: name }).first();
  }

  /** Unfolds a row if it is folded. */
  async expand(label: string): Promise<void> {
    const row = this.row(label);
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false') await row.locator('.monaco-tl-twistie').click();
  }
}
