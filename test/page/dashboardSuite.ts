/** What tests of the dashboard's page have in common: a folder for runs, one browser, a page a test that had no trouble. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import type { Run } from '../../src/core/experiment/model';
import { PageHarness, type OpenOptions, type OpenPage } from './harness';
import { until } from './waits';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where an element is on the page, once it has a place: a chart that is just being made anew has none for a moment. */
export async function boxOf(element: Locator): Promise<Box> {
  const found: Box[] = [];
  await until(async () => {
    const box = await element.boundingBox();
    if (box !== null) found.push(box);
    return box !== null;
  }, 'a place on the page');
  return found[0] as Box;
}

export class DashboardSuite {
  /** Where runs may be made. */
  experiments = '';
  private harness: PageHarness | undefined;
  private shown: OpenPage | undefined;

  /**
   * Registers itself with the suite that is being described.
   *
   * @param make makes the runs in a folder, before the first test
   */
  constructor(make: (experiments: string) => void) {
    before(async () => {
      this.experiments = mkdtempSync(path.join(tmpdir(), 'npt-page-'));
      make(this.experiments);
      this.harness = await PageHarness.start();
    });
    after(async () => {
      await this.harness?.stop();
      rmSync(this.experiments, { recursive: true, force: true });
    });
    const finish = async (passed: boolean): Promise<void> => {
      const { heard } = this.opened;
      await this.close();
      // Every test is also a test that nothing was reported: no CSP violation, no error, no refused message.
      if (passed) assert.deepEqual(heard.problems, []);
    };
    afterEach(async function () {
      await finish(this.currentTest?.state === 'passed');
    });
  }

  /** The page that the test opened last. */
  get opened(): OpenPage {
    assert.ok(this.shown, 'the test has opened no page');
    return this.shown;
  }

  /** Opens the dashboard of a run and waits for its large chart. */
  async open(runs: readonly Run[], about: Run, options: OpenOptions = {}): Promise<Page> {
    const { page } = await this.openWithoutChart(runs, about, options);
    await page.locator('.main-chart canvas').waitFor();
    return page;
  }

  /** Opens the dashboard of a run that has nothing to draw. */
  async openWithoutChart(runs: readonly Run[], about: Run, options: OpenOptions = {}): Promise<OpenPage> {
    assert.ok(this.harness);
    this.shown = await this.harness.open(runs, about.path, options);
    return this.shown;
  }

  async close(): Promise<void> {
    await this.opened.close();
  }
}
