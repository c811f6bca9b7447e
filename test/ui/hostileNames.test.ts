/** Names that links, icons, variables, markup and control characters are made of, in the real workbench: text, everywhere. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Frame, Locator, Page } from 'playwright-core';
import { eventually } from '../eventually';
import { everyPage } from '../vscode/list';
import { webviewFrame } from '../vscode/webview';
import { openSession, type JourneySession } from './journey/session';
import { FOLDER_NAMES, HOSTILE_NAMES, read } from './names/hostileNames';
import { hostileWorkspace, type HostileWorkspace } from './names/workspace';
import { plainText, visibleText } from '../../src/core/plainText';
import { required } from './required';

const ROOT = path.resolve(__dirname, '../..');

/** What none of the names may have become, wherever they are shown. */
const ALIVE =
  'a, img, script, svg[onload], b, em, strong > *, .codicon-zap, .codicon-bell, .codicon-flame, .codicon-rocket';

/** Nothing that a name asked for is within the element, and its text holds no character that is not seen. */
async function assertInert(where: Locator, what: string, alive = ALIVE): Promise<string> {
  const shown = await where.innerText();
  assert.equal(await where.locator(alive).count(), 0, `${what} has become more than text: ${await where.innerHTML()}`);
  // Lines of the page's own stay.
  assert.doesNotMatch(shown.replace(/[\n\t]/g, ' '), /[\p{Cc}\u202a-\u202e\u2066-\u2069\u200e\u200f]/u, what);
  return shown;
}

/** A folder's name as the tree's rows have it. */
const shownName = (name: string): string => read(plainText(name, { longest: 200 }));

/** A row of the tables that are scrolled, and their heading. */
const ROW_PIXELS = 24;

/** Scrolls a virtual list from its top to its end and gives every row's text, as read by `text`. */
async function everyRow(page: Page | Frame, list: string, text: string): Promise<Set<string>> {
  const found = new Set<string>();
  const at = `document.querySelector(${JSON.stringify(list)})`;
  // The rows of where it was scrolled to are made some time later: none is missing at its top, below a heading, or its end.
  const filled = `(() => {
    const box = ${at}.getBoundingClientRect();
    const rows = Array.from(${at}.querySelectorAll(${JSON.stringify(text)})).map((row) => row.getBoundingClientRect());
    const top = Math.min(...rows.map((row) => row.top));
    const bottom = Math.max(...rows.map((row) => row.bottom));
    return top <= box.top + 2 * ${ROW_PIXELS} && bottom >= box.bottom - ${ROW_PIXELS};
  })()`;
  await page.evaluate(`${at}.scrollTop = 0`);
  for (;;) {
    for (const row of await page.locator(text).allInnerTexts()) found.add(read(row));
    const moved = await page.evaluate<boolean>(
      `(() => { const list = ${at}; const before = list.scrollTop; list.scrollTop += list.clientHeight / 2; return list.scrollTop !== before; })()`,
    );
    if (!moved) return found;
    while (!(await page.evaluate<boolean>(filled))) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('hostile names in the workbench', function () {
  this.timeout(600_000);
  let workspace: HostileWorkspace;
  let session: JourneySession;
  const dialogs: string[] = [];

  before(async () => {
    workspace = hostileWorkspace();
    session = await openSession({
      vsix: required('NPT_TEST_VSIX'),
      workspace: workspace.folder,
      python: required('NPT_TEST_PYTHON'),
      screenshots: path.join(ROOT, 'test-results/ui-names'),
    });
    session.window.page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    await session.window.showContainer('NPT');
    await session.tree.row('npt_demo').waitFor({ timeout: 90_000 });
  });

  after(async () => {
    await session.close();
    workspace.remove();
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await session.failureShot();
    // Nothing ran, whatever was shown.
    assert.deepEqual(dialogs, []);
    assert.ok(!existsSync(path.join(workspace.folder, 'canary')));
    for (const frame of session.window.page.frames())
      assert.equal(await frame.evaluate('window.nptCanary').catch(() => undefined), undefined);
  });

  it('are text in the tree, and every one can be read', async () => {
    const { window, tree, shot } = session;
    await window.runCommand('Collapse Folders in Explorer').catch(() => undefined);
    const rows = new Set<string>();
    // Not by a click, which opens the dashboard: that takes the keyboard some time later.
    await window.runCommand('Focus on Experiments View');
    // While a first scan lasts, the tree shows what it has found so far.
    await eventually('every name', 90_000, async () => {
      await everyPage(window.page, tree.listSelector, async () => {
        for (const row of await tree.rows()) rows.add(read(row.name));
        return false;
      });
      return FOLDER_NAMES.every((name) => rows.has(shownName(name))) ? true : undefined;
    }).catch(() => undefined);
    assert.deepEqual(
      FOLDER_NAMES.map(shownName).filter((name) => !rows.has(name)),
      [],
    );
    await assertInert(
      window.page.locator('.sidebar .pane-body').first(),
      'the tree',
      'a.label-name a, img, .codicon-zap, .codicon-bell, .codicon-flame',
    );
    await shot('tree', ['dark']);
  });

  it('are text in a row’s tooltip', async () => {
    const { window, tree, shot } = session;
    await window.runCommand('Focus on Experiments View');
    for (const name of [
      '[x](command:workbench.action.quit)',
      '<img src=x onerror="window.nptCanary=1">',
      '$(zap)',
      'www.bare.example',
    ]) {
      const row = tree.row(plainText(name));
      await everyPage(window.page, tree.listSelector, () => row.isVisible());
      await row.hover({ position: { x: 60, y: 10 } });
      const hover = window.page.locator('.monaco-hover:visible .hover-contents').last();
      // What was hovered before may still be fading.
      for (let tries = 0; ; tries += 1) {
        const shown = read((await hover.innerText({ timeout: 20_000 }).catch(() => '')) || '');
        if (shown.startsWith(read(name))) break;
        assert.ok(tries < 100, `the tooltip of ${name} says ${shown}`);
        await window.page.waitForTimeout(100);
      }
      await assertInert(hover, 'the tooltip', 'a, img, .codicon-zap');
      if (name.startsWith('[x]')) await shot('tooltip', ['dark']);
      await window.rest();
    }
  });

  it('are text in quick picks, and every one can be read', async () => {
    const { window, shot } = session;
    await window.runCommand('NPT: Validate Checkpoint');
    await window.page.locator('.quick-input-title').getByText('Validate Checkpoint').waitFor();
    const widget = window.page.locator('.quick-input-widget:visible');
    const descriptions = new Set<string>();
    await everyPage(window.page, '.quick-input-widget .monaco-list', async () => {
      for (const text of await widget.locator('.label-description').allInnerTexts()) descriptions.add(read(text));
      await assertInert(
        widget.locator('.quick-input-list .monaco-list-rows'),
        'the quick pick',
        '.label-name a, .label-description a, img, .codicon-zap, .codicon-bell, .codicon-flame, .codicon-rocket',
      );
      return false;
    });
    for (const name of FOLDER_NAMES)
      assert.ok(
        descriptions.has(read(plainText(name))),
        `${JSON.stringify(name)} is not among ${[...descriptions].join('\n')}`,
      );
    await shot('pick', ['dark']);
    await window.page.keyboard.press('Escape');
  });

  it('are text in notifications: a record’s name, a run’s name', async () => {
    const { window, shot } = session;
    for (const [index, name] of FOLDER_NAMES.entries()) {
      if (![0, 1, 3, 13, 17, 23, 40, 43].includes(index)) continue;
      await window.runCommand('NPT: Validate Checkpoint');
      await window.page.locator('.quick-input-title').getByText('Validate Checkpoint').waitFor();
      await window.quickInput().fill(plainText(name));
      await window.pickRow('checkpoint-30', plainText(name).trim()).click();
      const toast = window.notification(/is not valid|dangerous|cannot be verified/);
      await toast.waitFor({ timeout: 60_000 });
      const text = await assertInert(toast.locator('.notification-list-item-message'), `the verdict of ${name}`);
      assert.ok(read(text).includes(read(plainText(name))), text);
      assert.ok(
        read(text).includes(read(plainText(HOSTILE_NAMES[index] ?? name))),
        `the record's name is not in ${text}`,
      );
      if (index === 1) await shot('notification', ['dark']);
      await window.clearNotifications();
    }
  });

  it('are text in the report of them all, and every one can be read', async () => {
    const { window, shot } = session;
    await window.runCommand('NPT: Validate All Checkpoints');
    const toast = window.notification(/checkpoints are not valid/);
    await toast.waitFor({ timeout: 120_000 });
    await toast.getByText('Show Report').click();
    const frame = await webviewFrame(window.page, 'text=First finding');
    const text = read(
      await assertInert(
        frame.locator('body'),
        'the report',
        'a[href], img, script[src^="x"], table strong, table em, table code, hr',
      ),
    );
    for (const name of FOLDER_NAMES.filter((each) => each.length < 100))
      assert.ok(text.includes(read(visibleText(name))), `${JSON.stringify(name)} is not in the report`);
    assert.match(text, /long-x+…x+-end \/ checkpoint-30/);
    for (const name of HOSTILE_NAMES.filter((each) => each.length < 200))
      assert.ok(text.includes(read(visibleText(name))), `the record ${JSON.stringify(name)} is not in the report`);
    await shot('report', ['dark']);
    await window.closeEditors();
    await window.clearNotifications();
  });

  it('are text in the page of a torch file: tensors', async () => {
    const { window, shot } = session;
    await window.openFile('tensors.pt');
    const frame = await webviewFrame(window.page, '[role=grid]');
    await frame.locator('[role=gridcell].name').first().waitFor();
    const cells = await everyRow(frame, '[role=grid]', '[role=gridcell].name');
    for (const name of HOSTILE_NAMES.filter((each) => each.length < 200))
      assert.ok(cells.has(read(visibleText(name))), `${JSON.stringify(name)} is not among ${[...cells].join('\n')}`);
    assert.ok(
      [...cells].some((cell) => /^long-x+…x+-end$/.test(cell)),
      'the long name is cut in its middle',
    );
    await assertInert(frame.locator('body'), 'the page', 'a[href], img, #root script, .codicon-zap');
    await shot('tensors', ['dark']);
    await window.closeEditors();
  });

  it('are text in the dashboard: metrics, arguments, runs, an error', async () => {
    const { window, shot } = session;
    await window.page.keyboard.press('Escape');
    await window.showContainer('NPT');
    await window.runCommand('NPT: Open Dashboard');
    await window.quickInput().fill('npt_demo');
    await window.pick('npt_demo');
    const frame = await webviewFrame(window.page, 'text=loss/total');
    await frame.locator('vscode-option').first().waitFor({ state: 'attached' });
    const text = read(await frame.evaluate<string>('document.body.textContent'));
    for (const name of HOSTILE_NAMES.filter((each) => each.length < 200))
      assert.ok(text.includes(read(visibleText(name))), `the metric ${JSON.stringify(name)} is not on the page`);
    await assertInert(frame.locator('body'), 'the dashboard', 'a[href], img, #root script, .codicon-zap');
    await shot('dashboard', ['dark']);
    await window.closeEditors();
  });

  it('are text in the status bar', async () => {
    const { window, shot } = session;
    const item = window.statusBar(/\[x\]/);
    const text = await assertInert(item, 'the status bar', 'a a, img, .codicon-zap');
    assert.ok(read(text).includes('[x](command:workbench.action.quit)'), text);
    await shot('status', ['dark']);
  });

  it('are text in the log that a run left', async () => {
    const { window, shot } = session;
    await window.runCommand('NPT: Open Training Log');
    await window.quickInput().fill('npt_demo');
    await window.pick('npt_demo');
    await window.tab(/train\.log/).waitFor();
    await window.page.locator('.view-line').filter({ hasText: 'the last line' }).waitFor();
    await shot('log', ['dark']);
    await window.closeEditors();
  });
});
