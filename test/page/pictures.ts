/**
 * Pictures of the dashboard in every theme and width, to be looked at: `npx tsx test/page/pictures.ts FOLDER [NAME,…]`, or of every
 * run of a real training workspace: `npx tsx test/page/pictures.ts FOLDER --workspace DIR`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Run } from '../../src/core/experiment/model';
import { scanWorkspace } from '../../src/core/experiment/scan';
import { PageHarness, type OpenOptions } from './harness';
import { makeRun, makeWorkspace } from './syntheticRun';

const folder = process.argv[2];
const workspace = process.argv[3] === '--workspace' ? process.argv[4] : undefined;
const only = workspace === undefined ? process.argv[3] : undefined;

async function real(target: string, root: string): Promise<void> {
  const { runs } = await scanWorkspace(root);
  mkdirSync(target, { recursive: true });
  const harness = await PageHarness.start();
  try {
    for (const run of runs) {
      const opened = await harness.open(runs, run.path);
      await opened.page.waitForTimeout(900);
      await opened.page.screenshot({ path: path.join(target, `${run.name.replaceAll('/', '-')}.png`), fullPage: true });
      for (const problem of new Set(opened.heard.problems)) console.log(`${run.name}: ${problem}`);
      await opened.close();
    }
  } finally {
    await harness.stop();
  }
}

async function main(target: string): Promise<void> {
  const experiments = mkdtempSync(path.join(tmpdir(), 'npt-pictures-'));
  mkdirSync(target, { recursive: true });
  const harness = await PageHarness.start();
  try {
    const runs = makeWorkspace(experiments);
    const fresh = makeRun(experiments, { name: 'just-started', state: 'training', until: 0 });
    const bare = makeRun(experiments, {
      name: 'no-plan',
      state: 'stopped',
      until: 4000,
      curriculum: null,
      maxSteps: 10000,
    });
    const at = (index: number): Run => runs[index] as Run;
    const error =
      'the GPU is out of memory: 1.2 GB did not fit; lower --batch_size or raise --gradient_accumulation_steps';
    const failed: Run = {
      ...at(2),
      exit: { why: 'failed', step: 41212, segment: 1, signal: null, error, time: 1 },
    };
    writeFileSync(path.join(failed.path, 'train.log'), `── segment 1\nstep 41212\nerror: ${error}\n`);
    runs[2] = failed;
    const overlay = runs.slice(1).map((run) => run.path);
    const pictures: [string, readonly Run[], Run, OpenOptions, boolean][] = [
      ['dark', runs, at(0), { state: { overlay, run: at(0).path } }, true],
      ['light', runs, at(0), { theme: 'light', state: { overlay, run: at(0).path } }, true],
      ['hc', runs, at(0), { theme: 'high-contrast', state: { overlay, run: at(0).path } }, true],
      ['700', runs, at(0), { width: 700, height: 1100, state: { overlay, run: at(0).path } }, false],
      ['narrow', runs, at(0), { width: 320, height: 1400, state: { overlay, run: at(0).path } }, false],
      ['zoomed', runs, at(0), { state: { overlay, run: at(0).path, range: [36000, 42000] } }, false],
      ['branch', runs, at(1), {}, false],
      ['time', runs, at(0), { state: { overlay, run: at(0).path, axis: 'time' } }, false],
      ['1000', runs, at(0), { width: 1000, height: 700, state: { overlay, run: at(0).path } }, false],
      ['failed', runs, failed, { width: 1000, height: 700 }, false],
      ['failed-light', runs, failed, { theme: 'light' }, false],
      ['failed-hc-narrow', runs, failed, { theme: 'high-contrast', width: 320, height: 900 }, false],
      ['fresh', [fresh, ...runs], fresh, {}, false],
      ['no-plan', [bare], bare, { theme: 'light' }, false],
      ['missing', [], at(0), {}, false],
    ];
    for (const [name, known, run, options, popover] of pictures) {
      if (only !== undefined && !only.split(',').includes(name)) continue;
      const opened = await harness.open(known, run.path, options);
      await opened.page.waitForTimeout(900);
      if (popover) await opened.page.locator('.marker.best').click();
      await opened.page.waitForTimeout(200);
      await opened.page.screenshot({ path: path.join(target, `${name}.png`), fullPage: true });
      for (const problem of new Set(opened.heard.problems)) console.log(`${name}: ${problem}`);
      await opened.close();
    }
  } finally {
    await harness.stop();
    rmSync(experiments, { recursive: true, force: true });
  }
}

if (folder === undefined) {
  console.error('usage: tsx test/page/pictures.ts FOLDER [NAME,…]');
  process.exitCode = 2;
} else if (workspace !== undefined) {
  void real(folder, path.resolve(workspace));
} else {
  void main(folder);
}
