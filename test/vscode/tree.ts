/** A tree view's rows as a person sees them. */
import type { Locator, Page } from 'playwright-core';

export interface TreeRow {
  /** The whole name, as it is read out: what is shown may be shortened. */
  readonly name: string;
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

  get listSelector(): string {
    return `.sidebar .pane:has(.pane-header[aria-label^=${JSON.stringify(this.view)}]) .monaco-list`;
  }

  private get rowsSelector(): string {
    return `${this.listSelector} .monaco-list-row`;
  }

  /** The rows that are scrolled into sight, top to bottom, read in one go: a live tree changes between two looks. */
  async rows(): Promise<TreeRow[]> {
    const rows = await this.page.evaluate<(Omit<TreeRow, 'name'> & { readonly spoken: string })[]>(`
      Array.from(document.querySelectorAll(${JSON.stringify(this.rowsSelector)}))
        .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
        .map((row) => ({
          spoken: row.getAttribute('aria-label') ?? '',
          label: row.querySelector('.label-name')?.textContent ?? '',
          description: row.querySelector('.label-description')?.textContent ?? '',
          level: Number(row.getAttribute('aria-level')),
          expanded: row.getAttribute('aria-expanded') === 'true',
        }))`);
    return rows.map(({ spoken, ...row }) => {
      const end = row.description === '' ? -1 : spoken.lastIndexOf(`, ${row.description}`);
      return { ...row, name: end === -1 ? spoken : spoken.slice(0, end) };
    });
  }

  /** Of each row that is scrolled into sight, top to bottom, what can be read of it: not what its edge cuts off. */
  async legible(): Promise<Pick<TreeRow, 'label' | 'description'>[]> {
    return this.page.evaluate(`(() => {
      // Where a text is cut, an ellipsis covers its last letters.
      const ELLIPSIS = 14;
      const read = (element, edge) => {
        const node = element && document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
        const range = document.createRange();
        for (let length = node?.data.length ?? 0, right = edge; length > 0; length -= 1, right = edge - ELLIPSIS) {
          range.setStart(node, 0);
          range.setEnd(node, length);
          if (range.getBoundingClientRect().right <= right) return node.data.slice(0, length);
        }
        return '';
      };
      return Array.from(document.querySelectorAll(${JSON.stringify(this.rowsSelector)}))
        .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
        .map((row) => {
          const { right } = (row.querySelector('.monaco-icon-label') ?? row).getBoundingClientRect();
          return {
            label: read(row.querySelector('.label-name'), right),
            description: read(row.querySelector('.label-description'), right),
          };
        });
    })()`);
  }

  /** The row of what has exactly this name. @param saying what is to be read out of it, too */
  row(name: string, saying = ''): Locator {
    const spoken = [`[aria-label=${JSON.stringify(name)}]`, `[aria-label^=${JSON.stringify(`${name}, `)}]`];
    const and = saying === '' ? '' : `[aria-label*=${JSON.stringify(saying)}]`;
    return this.page.locator(spoken.map((label) => `${this.rowsSelector}${label}${and}`).join(', ')).first();
  }

  /** Unfolds a row if it is folded. */
  async expand(name: string): Promise<void> {
    const row = this.row(name);
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false') await row.locator('.monaco-tl-twistie').click();
  }
}
