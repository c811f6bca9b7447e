/** VS Code's lists have the rows that are in sight and no others: going through one page after the other. */
import type { Page } from 'playwright-core';

/**
 * Goes from a list's first row to its last by the keyboard, which the list has to have.
 *
 * @param list the list's selector
 * @param look called when a page's rows are there; true ends it
 */
export async function everyPage(page: Page, list: string, look: () => Promise<boolean>): Promise<void> {
  // Where the focused row is: whether it is the last tells its place, since rows that others were added below keep their marks.
  const focus = `(() => {
    const row = document.querySelector(${JSON.stringify(`${list} .monaco-list-row.focused`)});
    return row && {
      index: Number(row.dataset.index),
      last: row.offsetTop + row.offsetHeight >= row.parentElement.offsetHeight,
    };
  })()`;
  await page.keyboard.press('Home');
  await page.waitForFunction(`${focus}?.index === 0`);
  while (!(await look())) {
    const at = await page.evaluate<{ readonly index: number; readonly last: boolean } | null>(focus);
    if (at === null || at.last) return;
    await page.keyboard.press('PageDown');
    // The focus moves once the rows of the next page are there.
    await page.waitForFunction(`![undefined, ${at.index}].includes(${focus}?.index)`);
  }
}
