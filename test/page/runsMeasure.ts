/**
 * How fast the table of runs is with 5,000 runs of 40 columns in a real Chromium: from a click or a key to the paint after it,
 * frames while it scrolls, memory. `npm run bench -- --part table`, or, of what is built: npx tsx test/page/runsMeasure.ts
 */
import { readFileSync } from 'node:fs';
import type { CDPSession, Page } from 'playwright-core';
import { PageHarness } from './harness';
import { START_LOOK } from '../../src/core/table/look';
import { openRuns, type RunsOptions, sweep } from './runsSuite';

const RUNS = 5000;
const TIMES = 12;
const FRAMES = 240;

function shown(values: readonly number[]): string {
  const ordered = [...values].sort((a, b) => a - b);
  const at = (share: number): string => (ordered[Math.floor(share * (ordered.length - 1))] ?? NaN).toFixed(0);
  return `median ${at(0.5)} ms, 90 % ${at(0.9)} ms, most ${at(1)} ms (${ordered.length})`;
}

/** Processor time of the page's main thread so far, which other programs cannot make longer; seconds. */
async function mainThread(session: CDPSession): Promise<Record<string, number>> {
  const { metrics } = await session.send('Performance.getMetrics');
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

/** What so many acts cost the main thread. */
async function costs(session: CDPSession, count: number, act: () => Promise<unknown>): Promise<string> {
  const before = await mainThread(session);
  await act();
  const after = await mainThread(session);
  const cost = (name: string): string => (((after[name] ?? 0) - (before[name] ?? 0)) * (1000 / count)).toFixed(1);
  return `${cost('TaskDuration')} ms of the main thread each, ${cost('ScriptDuration')} of them script, ${cost('LayoutDuration')} layout`;
}

/** Milliseconds from an event to the paint after it, as Chromium counts them (in steps of 8 ms). */
async function paints(page: Page, names: readonly string[], act: (time: number) => Promise<void>): Promise<number[]> {
  await page.evaluate((wanted) => {
    const scope = window as unknown as { paints: number[]; watcher?: PerformanceObserver };
    scope.watcher?.disconnect();
    scope.paints = [];
    scope.watcher = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (wanted.includes(entry.name)) scope.paints.push(entry.duration);
    });
    scope.watcher.observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
  }, names);
  for (let time = 0; time < TIMES; time += 1) {
    await act(time);
    await page.waitForTimeout(400);
  }
  return page.evaluate(() => (window as unknown as { paints: number[] }).paints);
}

/** What the page's process has for itself and its share of the rest, in MB; NaN where the system does not say. */
async function processMemory(page: Page): Promise<number> {
  const browser = page.context().browser();
  if (browser === null) return Number.NaN;
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const sizes = processInfo.flatMap(({ type, id }) => {
    if (type !== 'renderer') return [];
    try {
      const [, kB] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, 'utf8')) ?? [];
      return [Number(kB) / 1000];
    } catch {
      return []; // A process that is gone, or a system without /proc.
    }
  });
  return sizes.length === 0 ? Number.NaN : Math.max(...sizes);
}

/** What a run of the measurement logged. */
function logged(path: string): ReturnType<NonNullable<RunsOptions['logged']>> {
  const at = Number(/\d+$/.exec(path)?.[0] ?? 0);
  return {
    'throughput/tokens_per_second': { last: 40_000 + ((at * 977) % 20_000), best: null },
    'training/grad_norm': { last: ((at * 37) % 100) / 50, best: null },
    'eval_loss/total': { last: 2 + ((at * 13) % 100) / 100, best: 2 + ((at * 17) % 100) / 100 },
  };
}

/** With those of the run and its arguments, 40 columns. */
const METRICS = ['best:eval_loss/total', 'last:training/grad_norm'];

async function main(): Promise<void> {
  const harness = await PageHarness.start();
  try {
    const empty = await openRuns(harness, sweep(1), { width: 1400 });
    await empty.page.locator('.grid .row').first().waitFor();
    const before = await processMemory(empty.page);
    await empty.close();
    const began = performance.now();
    const look = { ...START_LOOK, shown: METRICS };
    const opened = await openRuns(harness, sweep(RUNS, 20), { width: 1400, logged, look });
    const { page } = opened;
    await page.getByText('5,000 runs · 3 training', { exact: true }).waitFor();
    console.log(`all rows there after ${(performance.now() - began).toFixed(0)} ms, through the test's own pipes`);
    while (opened.read.length < RUNS) await page.waitForTimeout(20);
    await page.waitForTimeout(500);
    const shownColumns = await page.locator('.grid').getAttribute('aria-colcount');
    console.log(`${shownColumns ?? ''} columns, metrics there after ${(performance.now() - began).toFixed(0)} ms`);
    const columns = ['Loss', 'Run', 'Step', 'Best eval'];
    const heading = (time: number) =>
      page
        .locator('.heading')
        .filter({ hasText: columns[time % columns.length] ?? '' })
        .first();
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const measured = async (title: string, events: readonly string[], act: (time: number) => Promise<void>) => {
      let found: number[] = [];
      const cost = await costs(session, TIMES, async () => {
        found = await paints(page, events, act);
      });
      console.log(`${title}: ${shown(found)}; ${cost}`);
    };
    await measured('sort', ['pointerup'], (time) => heading(time).click({ position: { x: 20, y: 10 } }));
    await page.getByLabel('Filter runs').focus();
    const typed = 'loss<2.5 r32';
    await measured('filter, a key', ['keydown'], (time) => page.keyboard.type(typed[time] ?? ' '));
    await page.getByLabel('Filter runs').fill('');
    await measured('choose a run', ['pointerdown'], (time) =>
      page
        .locator('.row')
        .nth(5 + time)
        .click(),
    );
    let frames: number[] = [];
    const cost = await costs(session, FRAMES, async () => {
      frames = await page.locator('.grid').evaluate(async (grid, count) => {
        const times: number[] = [];
        let last = performance.now();
        for (let frame = 0; frame < count; frame += 1) {
          grid.scrollTop += 60;
          grid.scrollLeft = Math.abs(((frame * 8) % 1600) - 800);
          await new Promise(requestAnimationFrame);
          const now = performance.now();
          times.push(now - last);
          last = now;
        }
        return times;
      }, FRAMES);
    });
    console.log(`frames while it scrolls both ways: ${shown(frames)}; ${cost}`);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    const now = await processMemory(page);
    console.log(
      `heap: ${(usedSize / 1e6).toFixed(0)} MB; the page's process ${now.toFixed(0)} MB, with one run ${before.toFixed(0)} MB`,
    );
    await opened.close();
  } finally {
    await harness.stop();
  }
}

void main();
