import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { ATTACKS } from '../unit/checkpoint/attacks';
import { CHECKPOINTS, FIXTURES, pickle, text, torchZip, Workbench } from '../unit/checkpoint/fixtures';
import { TorchHarness, type OpenTorchFile, type TorchOpenOptions } from './torchHarness';

const STATE = join(FIXTURES, CHECKPOINTS.oursDual, 'training_state.pt');
const WEIGHTS = join(FIXTURES, CHECKPOINTS.oursDual, 'npt_weights.pt');

/** A float tensor of `numel` elements in storage `key`. */
function tensor(key: string, numel: number): Buffer {
  return pickle(
    'ctorch._utils\n_rebuild_tensor_v2\n((',
    text('storage'),
    'ctorch\nFloatStorage\n',
    text(key),
    text('cpu'),
    `I${numel}\ntQI0\n(I${numel}\nt(I1\nt\x89ccollections\nOrderedDict\n)RtR`,
  );
}

function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

describe('the page of a torch file', function () {
  const bench = new Workbench();
  let harness: TorchHarness;
  let opened: OpenTorchFile;

  before(async () => {
    harness = await TorchHarness.start();
  });
  after(async () => {
    await harness.stop();
    bench.dispose();
  });
  afterEach(async function () {
    const { problems } = opened;
    await opened.close();
    // Every test is also a test that nothing was reported: no CSP violation, no error, no refused message, no request.
    if (this.currentTest?.state === 'passed') assert.deepEqual(problems, []);
  });

  async function open(file: string, options: TorchOpenOptions = {}): Promise<Page> {
    opened = await harness.open(file, options);
    return opened.page;
  }

  /** Texts of the tree's lines that exist: those in sight. */
  const values = (page: Page): Promise<string[]> => page.locator('.values .row').allInnerTexts();

  it('shows the values as a tree and the tensors as a table', async () => {
    const page = await open(STATE);
    assert.equal(await page.locator('h1').innerText(), 'training_state.pt');
    const about = await page.locator('header p.dim').innerText();
    assert.match(about, /^torch zip · .* · 38 tensors, .*archive version 3.*pickle protocol 2$/);
    assert.deepEqual(await page.locator('.chip').allInnerTexts(), ['structure valid', 'checksums not checked yet']);
    const lines = await values(page);
    assert.equal(lines.length, 10);
    assert.match(lines[2] ?? '', /^global_step\s+number\s+30$/);
    const table = page.getByRole('grid', { name: 'Tensors' });
    assert.equal(await table.getAttribute('aria-rowcount'), '39');
    const first = await page.locator('.tensors .row:not(.head)').nth(1).locator('.cell').allInnerTexts();
    assert.deepEqual(first.slice(0, 4), ['optimizer_state_dict.state.0.exp_avg', 'float32', '(16, 4)', '64']);
  });

  it('is worked with the keyboard alone', async () => {
    const page = await open(STATE);
    const tree = page.getByRole('tree', { name: 'Values' });
    await tree.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight'])
      await page.keyboard.press(key);
    assert.match((await values(page))[5] ?? '', /^state\s+dict\s+12 entries$/);
    assert.equal(await page.locator('.values .row.active').getAttribute('aria-expanded'), 'true');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight'])
      await page.keyboard.press(key);
    assert.match(await page.locator('.values .row.active').innerText(), /^step\s+tensor\s+float32 \(\)$/);
    assert.equal(
      await tree.getAttribute('aria-activedescendant'),
      await page.locator('.values .row.active').getAttribute('id'),
    );
    await page.keyboard.press('Enter');
    await page.locator('.details .figures').waitFor();
    assert.equal(await page.locator('.details h2').innerText(), 'optimizer_state_dict.state.0.step');
    assert.match(await page.locator('.details dl').innerText(), /min\s+30\s+max\s+30\s+mean\s+30\s+std\s+0/);
    await page.keyboard.press('ArrowLeft');
    assert.match(await page.locator('.values .row.active').innerText(), /^0\s+dict/);
    await page.keyboard.press('ArrowLeft');
    assert.equal(await page.locator('.values .row.active').getAttribute('aria-expanded'), 'false');

    const table = page.getByRole('grid', { name: 'Tensors' });
    await table.focus();
    await page.keyboard.press('End');
    assert.match(await page.locator('.tensors .row.active .name').innerText(), /^rng_state\.0\.torch/);
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.details .histogram').waitFor();
    const label = await page.locator('.histogram svg').getAttribute('aria-label');
    assert.match(label ?? '', /^Histogram from -0\.0\d+ to 0\.0\d+; most values, \d+, are near /);
  });

  it('sorts, searches, and keeps both while it is hidden', async () => {
    const page = await open(WEIGHTS);
    const names = (): Promise<string[]> => page.locator('.tensors .row:not(.head) .name').allInnerTexts();
    await page.getByRole('button', { name: 'Elements' }).click();
    const elements = await page.locator('.tensors .row:not(.head) .elements').allInnerTexts();
    assert.deepEqual(
      elements,
      [...elements].sort((a, b) => Number(b) - Number(a)),
    );
    assert.equal(await page.locator('.head .elements').getAttribute('aria-sort'), 'descending');
    await page.getByRole('searchbox').fill('W_a_up');
    await page.waitForFunction(() => document.querySelector('.toolbar [role=status]')?.textContent.includes('tensors'));
    const found = await names();
    assert.ok(found.length > 0 && found.every((name) => name.includes('W_a_up')));
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByText('nothing found').waitFor();
    await page.getByRole('searchbox').fill('W_b');
    await page.waitForFunction(
      () => (window as unknown as { keptState?: { search: string } }).keptState?.search === 'W_b',
    );
    const state: unknown = await page.evaluate(() => (window as unknown as { keptState: unknown }).keptState);
    const problems = opened.problems;
    await opened.close();
    const again = await open(WEIGHTS, { state });
    assert.deepEqual(problems, []);
    assert.equal(await again.getByRole('searchbox').inputValue(), 'W_b');
    assert.equal(await again.locator('.head .elements').getAttribute('aria-sort'), 'descending');
  });

  it('reads the statistics of all, and marks what is not finite', async () => {
    const file = bench.file(
      'two.pt',
      torchZip(pickle('\x80\x02}', text('good'), tensor('0', 3), 's', text('bad'), tensor('1', 4), 's.'), {
        0: floats(1, 2, 3),
        1: floats(NaN, 1, Infinity, 0),
      }),
    );
    const page = await open(file, { width: 1900 });
    await page.getByRole('button', { name: 'Statistics of 2 tensors' }).click();
    await page.locator('.row.not-finite').waitFor();
    const rows = await page
      .locator('.tensors .row:not(.head)')
      .evaluateAll((all) => all.map((row) => [...row.querySelectorAll('.cell')].map((cell) => cell.textContent)));
    assert.deepEqual(rows[0]?.slice(6), ['1', '3', '2', '0.8165', '0']);
    assert.deepEqual(rows[1]?.slice(6), ['0', '1', '0.5', '0.5', '2']);
    assert.equal(await page.getByRole('button', { name: /^Statistics of/ }).count(), 0);
    assert.deepEqual(await page.locator('.task').count(), 0);
  });

  it('says which tensor does not match its checksum', async () => {
    const bytes = readFileSync(WEIGHTS);
    const copy = bench.file('flipped.pt', bytes);
    const page = await open(copy);
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('checksums match').waitFor();
    // A bit in the data of the first tensor, which begins at the first multiple of 64 after its header.
    const name = bytes.indexOf('/data/0');
    const start = Math.ceil((name + 8) / 64) * 64;
    bytes[start + 8] = (bytes[start + 8] as number) ^ 4;
    writeFileSync(copy, bytes);
    await page.getByText('The file has changed on disk and was read again.').waitFor();
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('checksums do not match').waitFor();
    assert.match(await page.locator('.news').innerText(), /the bytes of tensor "layer_\d+_np\.[^"]+" do not match/);
  });

  it('follows the file on disk: gone, back, another one', async () => {
    const copy = bench.file('moving.pt', readFileSync(WEIGHTS));
    const page = await open(copy);
    rmSync(copy);
    await page.getByText('The file is not on disk any more.').waitFor();
    assert.ok((await values(page)).length > 1);
    writeFileSync(copy, readFileSync(STATE));
    await page.getByText('The file has changed on disk and was read again.').waitFor();
    assert.match((await values(page)).join('\n'), /global_step/);
  });

  it('says in one line what cannot be shown', async () => {
    const said = async (name: string, data: string | Uint8Array): Promise<string> => {
      const page = await open(bench.file(name, data));
      assert.equal(await page.locator('main').isVisible(), false);
      const line = await page.locator('.news').innerText();
      assert.deepEqual(opened.problems, []);
      await opened.close();
      return line.trim();
    };
    assert.equal(await said('empty.pt', ''), 'The file is empty.');
    assert.equal(await said('mail.pt', '<html><body>'), 'The file is a HTML page, not a torch file.');
    assert.match(await said('cut.pt', readFileSync(WEIGHTS).subarray(0, 700)), /\S/);
    const encrypted = ATTACKS.find((attack) => attack.name.startsWith('the encryption flag on plain data'));
    const page = await open(bench.file('locked.pt', encrypted!.data));
    assert.match(await page.locator('.news').innerText(), /encrypted/);
    await opened.close();
    const missing = await open(join(bench.root, 'nowhere.pt'));
    assert.match(await missing.locator('.disk').innerText(), /nowhere\.pt does not exist\.$/);
  });

  it('shows what a malicious file would do, and does not do it; HTML in names is text', async () => {
    const trace = join(bench.root, 'trace');
    const html = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const evil = torchZip(
      pickle(
        '\x80\x02}',
        text(html),
        tensor('0', 2),
        's',
        text('x'),
        'cos\nsystem\n',
        text(`touch ${trace} ${html}`),
        '\x85Rs',
        text('href'),
        text('javascript:alert(1)'),
        's.',
      ),
      { 0: floats(1, 2) },
    );
    const page = await open(bench.file(`<b>evil<b>.pt`, evil));
    await page.locator('.tensors .row:not(.head)').first().dblclick();
    await page.locator('.details .figures').waitFor();
    assert.equal(await page.locator('.chip').first().innerText(), 'dangerous: loading it in Python runs code');
    assert.match(await page.locator('.news').innerText(), /Python would call os\.system\("touch .*trace <img src=x/);
    assert.equal(await page.locator('img, iframe, a, h1 b, .rows script').count(), 0);
    assert.equal(await page.locator('.details h2').innerText(), html);
    assert.equal(await page.title(), 'file.pt');
    assert.ok(!existsSync(trace));
  });

  it('opens and scrolls tens of thousands of tensors without making them all', async () => {
    const count = 30_000;
    const pieces: (string | Buffer)[] = ['\x80\x02}('];
    for (let i = 0; i < count; i++) pieces.push(text(`layer.${i}`), tensor('0', 1));
    pieces.push('u.');
    const page = await open(bench.file('many.pt', torchZip(pickle(...pieces), { 0: floats(1) })));
    assert.equal(await page.locator('.toolbar').isVisible(), true);
    assert.ok((await page.locator('.row').count()) < 150);
    // A busy machine may take longer for two frames by itself: one undisturbed attempt is proof enough.
    const attempts: number[] = [];
    while (attempts.length < 20 && !attempts.some((ms) => ms < 1000)) {
      attempts.push(
        await page.evaluate(async () => {
          const list = document.querySelector('.tensors .rows') as HTMLElement;
          const drawn = (): Promise<unknown> =>
            new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
          list.scrollTop = 0;
          await drawn();
          const started = performance.now();
          list.scrollTop = list.scrollHeight;
          await drawn();
          return performance.now() - started;
        }),
      );
    }
    assert.ok(Math.min(...attempts) < 1000, `scrolled in ${attempts.join(', ')} ms`);
    await page.getByRole('gridcell', { name: 'layer.29999' }).waitFor();
    await page.getByRole('searchbox').fill('layer.123');
    await page.getByText('111 values, 111 tensors').waitFor();
  });

  it('fits 320 px in every theme', async () => {
    for (const theme of ['dark', 'light', 'high-contrast'] as const) {
      const page = await open(STATE, { theme, width: 320 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(wide, 320);
      assert.deepEqual(opened.problems, []);
      if (theme !== 'high-contrast') await opened.close();
    }
  });
});
