/** A run that ended badly says why, loudest of all; what of the dashboard is seen at which size. */
import assert from 'node:assert/strict';
import { appendFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Run, RunExit } from '../../src/core/experiment/model';
import { thisHost } from '../../src/core/thisHost';
import type { Gpu } from '../../src/core/training/gpus/gpu';
import type { GpuReading } from '../../src/core/training/gpus/nvidiaSmi';
import { boxOf, DashboardSuite } from './dashboardSuite';
import type { ThemeName } from './harness';
import { makeRun } from './syntheticRun';
import { becomes, until } from './waits';

/** A GPU that this process computes on. */
function busyGpu(usedBytes: number): Gpu {
  return {
    ...{ uuid: 'GPU-1', index: '0', name: 'NVIDIA H100 80GB HBM3', memoryBytes: 80e9, usedBytes, utilisation: 0.87 },
    processes: [{ pid: process.pid, memoryBytes: usedBytes }],
  };
}

function processHere(): NonNullable<Run['process']> {
  const { name: host, bootId } = thisHost();
  return { host, bootId, pid: process.pid, started: 0, startTicks: 1, launcher: 'local', job: null, segment: 1 };
}

describe('the dashboard’s layout', function () {
  let run: Run;
  const suite = new DashboardSuite((experiments) => {
    run = makeRun(experiments, {
      name: 'run-a',
      state: 'stopped',
      until: 40000,
      every: 400,
      checkpointsEvery: 8000,
      best: 32000,
      gpu: true,
    });
  });

  function ended(why: RunExit['why'], signal: string | null, error: string | null): Run {
    const state = why === 'failed' ? ('failed' as const) : ('interrupted' as const);
    return { ...run, state, exit: { why, step: 40000, segment: 1, signal, error, time: 1 } };
  }

  for (const theme of ['dark', 'light', 'high-contrast'] as ThemeName[]) {
    it(`says why a run failed, at the top, in red and in full, with its log line and what to do, in ${theme}`, async () => {
      const error = `the GPU is out of memory: ${'a tensor of 1.2 GB did not fit, '.repeat(12)}lower --batch_size`;
      const log = path.join(run.path, 'train.log');
      appendFileSync(log, `── segment 1\nstep 40000\nerror: ${error}\n`);
      try {
        const failed = ended('failed', null, error);
        const page = await suite.open([failed], failed, { theme, width: 1000, height: 700 });
        const box = page.locator('.failure');
        await until(async () => /train\.log:3/.test((await box.textContent()) ?? ''), 'the log line came');
        const text = (await box.textContent()) ?? '';
        assert.match(text, /^Failed at step 40,000/);
        assert.ok(text.includes(error), 'in full');
        assert.match(text, /smaller batch_size.*Resume goes on from checkpoint-40000/);
        const looks = await box.evaluate((element) => {
          const wide = [...element.querySelectorAll('p, code')].every(
            (each) => each.scrollWidth <= Math.ceil(each.getBoundingClientRect().width) + 1,
          );
          const red = document.createElement('i');
          red.style.color = 'var(--npt-red)';
          element.append(red);
          const color = getComputedStyle(red).color;
          red.remove();
          return {
            wide,
            role: element.getAttribute('role'),
            isRed: getComputedStyle(element.querySelector('h2') ?? element).color === color,
            bottom: element.getBoundingClientRect().bottom,
            band: document.querySelector('.curriculum')?.getBoundingClientRect().top ?? 0,
          };
        });
        assert.deepEqual([looks.wide, looks.role, looks.isRed], [true, 'alert', true]);
        assert.ok(looks.bottom <= looks.band && looks.bottom < 400, 'above everything but the headline');
        await box.locator('vscode-button', { hasText: 'Open Log' }).click();
        await becomes(() => suite.opened.heard.acts, [{ command: 'log', path: run.path }]);
      } finally {
        rmSync(log);
      }
    });
  }

  it('says by whom a run was killed, and nothing where nobody ended it', async () => {
    const killed = ended('killed', 'SIGKILL', null);
    const page = await suite.open([killed], killed);
    const box = page.locator('.failure');
    assert.match(
      (await box.textContent()) ?? '',
      /Killed by SIGKILL at step 40,000.*kernel where memory ran out.*kill -9/,
    );
    suite.opened.setRuns([{ ...run, state: 'training' }]);
    await until(() => box.isHidden(), 'it trains again');
    suite.opened.setRuns([ended('failed', null, 'ValueError: <b>$(x) [y](command:z)</b>')]);
    await until(() => box.isVisible(), 'it failed');
    assert.match((await box.textContent()) ?? '', /ValueError: <b>\$\(x\) \[y\]\(command:z\)<\/b>/);
  });

  it('has every control of the toolbar in one row at 1000 pixels and in two at 320, named and with its value', async () => {
    for (const [width, rows] of [
      [1400, 1],
      [1000, 1],
      [320, 2],
    ] as const) {
      const page = await suite.open([run], run, { width, height: 900 });
      await until(async () => (await page.locator('.smooth-value').textContent()) !== '', 'the slider has its value');
      const boxes = await page.locator('.toolbar > *:visible').evaluateAll((all) =>
        all.map((each) => {
          const { left, right, top, bottom } = each.getBoundingClientRect();
          return { name: each.getAttribute('class') ?? each.tagName, left, right, middle: (top + bottom) / 2 };
        }),
      );
      const middles = boxes.map(({ middle }) => middle).sort((a, b) => a - b);
      const count = middles.filter(
        (middle, index) => index === 0 || middle - (middles[index - 1] as number) > 10,
      ).length;
      assert.equal(count, rows, `rows at ${width}: ${JSON.stringify(boxes)}`);
      const charts = await boxOf(page.locator('.charts'));
      for (const { name, left, right } of boxes)
        assert.ok(left >= charts.x && right <= charts.x + charts.width, `${name} sticks out at ${width}`);
      // Metric, axis, slider, three switches, export and everything: none is left out.
      assert.equal(
        await page.locator('.toolbar :is(vscode-dropdown, input, vscode-checkbox, vscode-button):visible').count(),
        8,
      );
      assert.match((await page.locator('.smooth').textContent()) ?? '', /Smooth\s*\d+/);
      if (width !== 320) await suite.close();
    }
  });

  for (const theme of ['dark', 'light', 'high-contrast'] as ThemeName[]) {
    it(`has the memory of the run’s GPUs in the header while it trains here, in ${theme}`, async () => {
      const trains: Run = { ...run, state: 'training', process: processHere() };
      let usedBytes = 61.2e9;
      const gpus = (): GpuReading => ({ gpus: [busyGpu(usedBytes)], available: true, problem: null });
      const page = await suite.open([trains], trains, { theme, width: 1400, height: 900, gpus });
      const memory = page.locator('.kpi', { hasText: 'GPU memory' });
      await memory.getByText('61.2 / 80.0 GB').waitFor();
      await memory.getByText('87% busy').waitFor();
      assert.equal(await memory.getByRole('progressbar').getAttribute('aria-valuenow'), '76.5');
      const [track, fill] = await memory
        .getByRole('progressbar')
        .evaluate((bar) => [bar, bar.firstElementChild!].map((each) => getComputedStyle(each).backgroundColor));
      assert.notEqual(track, fill);
      usedBytes = 40e9;
      await memory.getByText('40.0 / 80.0 GB').waitFor();
      suite.opened.setRuns([{ ...trains, state: 'stopped' }]);
      await memory.getByText('40.0').waitFor({ state: 'detached' });
    });
  }

  it('says that the memory is the one last logged, where the driver tells none', async () => {
    const trains: Run = { ...run, state: 'training', process: processHere() };
    const gpu: Gpu = { ...busyGpu(0), usedBytes: null };
    const gpus = (): GpuReading => ({ gpus: [gpu], available: true, problem: null });
    const page = await suite.open([trains], trains, { gpus });
    const memory = page.locator('.kpi', { hasText: 'GPU memory' });
    await memory.getByText('87% busy').waitFor();
    assert.match(
      (await memory.getAttribute('title')) ?? '',
      /^system\/gpu_memory_bytes, as it was last logged.*GPU 0: NVIDIA H100/,
    );
    assert.equal(await memory.getByRole('progressbar').isVisible(), false);
  });

  it('cuts no figure of the header, at any width', async () => {
    for (const width of [320, 645, 1000, 1400]) {
      const gpus = (): GpuReading => ({ gpus: [busyGpu(61.2e9)], available: true, problem: null });
      const trains: Run = { ...run, state: 'training', process: processHere() };
      const page = await suite.open([trains], trains, { width, height: 900, gpus });
      await page.getByText('61.2 / 80.0 GB').waitFor();
      await until(async () => (await page.locator('.smooth-value').textContent()) !== '', 'figures came');
      const cut = await page
        .locator('.kpi b, .kpi .sub')
        .evaluateAll((all) =>
          all.filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.textContent),
        );
      assert.deepEqual(cut, [], `at ${width}`);
      if (width !== 1400) await suite.close();
    }
  });

  it('has the slider stand still where nothing is averaged, and say so', async () => {
    const page = await suite.open([run], run, { state: { run: run.path, metric: 'eval_loss/total' } });
    await until(async () => (await page.locator('.smooth-value').textContent()) === 'raw', 'it is drawn as logged');
    assert.equal(await page.locator('input.slider').isDisabled(), true);
  });

  it('shows the first chart without scrolling at 1000 × 700, beside the sidebar too', async () => {
    for (const [width, height] of [
      [1000, 700],
      [645, 630],
    ] as const) {
      const page = await suite.open([run], run, { width, height });
      const box = await boxOf(page.locator('.main-chart .u-wrap'));
      assert.ok(box.height >= 190 && box.y + box.height <= height, `at ${width}: ${JSON.stringify(box)}`);
      if (width === 1000) await suite.close();
    }
  });
});
