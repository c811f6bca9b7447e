/**
 * How fluent the lineage is with 5,000 runs and 50,000 checkpoints in a real Chromium: frames while it is panned, scrolled and
 * zoomed, what a frame costs the main thread, memory. usage: npx tsx test/page/lineageMeasure.ts
 */
import type { CDPSession } from 'playwright-core';
import { PageHarness } from './harness';
import { largeLab, openLineage } from './lineageSuite';

const FRAMES = 240;

interface Wheel {
  readonly deltaX: number;
  readonly deltaY: number;
  readonly ctrlKey: boolean;
}

function shown(values: readonly number[]): string {
  const ordered = [...values].sort((a, b) => a - b);
  const at = (share: number): string => (ordered[Math.floor(share * (ordered.length - 1))] ?? NaN).toFixed(1);
  return `median ${at(0.5)} ms, 90 % ${at(0.9)} ms, most ${at(1)} ms`;
}

/** Processor time of the page's main thread so far, seconds. */
async function mainThread(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0;
}

async function main(): Promise<void> {
  const harness = await PageHarness.start();
  try {
    const began = performance.now();
    const opened = await openLineage(harness, largeLab(5000, 50_000), { width: 1400, height: 800 });
    const { page } = opened;
    await page.getByText('5,000 runs · 4,500 branches', { exact: true }).waitFor({ timeout: 120_000 });
    console.log(`all runs there after ${(performance.now() - began).toFixed(0)} ms, through the test's own pipes`);
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const wheels: readonly (readonly [string, Wheel | null])[] = [
      ['scrolled', null],
      ['panned along the steps', { deltaX: 25, deltaY: 0, ctrlKey: false }],
      ['zoomed', { deltaX: 0, deltaY: -20, ctrlKey: true }],
    ];
    for (const zoom of ['as it opens', 'all of it']) {
      if (zoom === 'all of it') await page.getByTitle('Fit (0)').click();
      else await page.getByTitle('Zoom In (+)').click();
      for (const [what, wheel] of wheels) {
        const before = await mainThread(session);
        const frames = await page.locator('.lanes').evaluate(
          async (lanes, { count, init }) => {
            const times: number[] = [];
            let last = performance.now();
            for (let frame = 0; frame < count; frame += 1) {
              const way = frame % 80 < 40 ? 1 : -1;
              const box = lanes.getBoundingClientRect();
              if (init === null) lanes.scrollTop += 40 * way;
              else
                lanes.dispatchEvent(
                  new WheelEvent('wheel', {
                    ...init,
                    deltaX: init.deltaX * way,
                    deltaY: init.deltaY * way,
                    clientX: box.left + 700,
                    clientY: box.top + 300,
                    cancelable: true,
                  }),
                );
              await new Promise(requestAnimationFrame);
              const now = performance.now();
              times.push(now - last);
              last = now;
            }
            return times;
          },
          { count: FRAMES, init: wheel },
        );
        const cost = ((await mainThread(session)) - before) * (1000 / FRAMES);
        console.log(`${zoom}, ${what}: ${shown(frames)} a frame; ${cost.toFixed(1)} ms of the main thread each`);
      }
    }
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    console.log(`heap: ${(usedSize / 1e6).toFixed(0)} MB`);
    await opened.close();
  } finally {
    await harness.stop();
  }
}

void main();
