/**
 * Payloads that would leave a trace, through everything that opens a file: every level of validation, the reports, the
 * comparison, the command line, and what the custom editor shows. No trace is ever left, and nothing is called valid.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validateCommand } from '../../../src/cli/validate';
import { compareCheckpoints } from '../../../src/core/checkpoint/compare/compare';
import { outlineFile, summarizeTensors } from '../../../src/core/checkpoint/outline/outline';
import { loadRuntime, probeWeights } from '../../../src/core/checkpoint/probe/probe';
import { renderComparison } from '../../../src/core/checkpoint/report/renderComparison';
import { renderReport } from '../../../src/core/checkpoint/report/renderReport';
import { renderReports } from '../../../src/core/checkpoint/report/renderReports';
import { LEVELS, type Level } from '../../../src/core/checkpoint/report/report';
import { CheckpointPathError } from '../../../src/core/checkpoint/pathErrors';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { archiveWith, intoArchive, legacyWith, payloadsFor, type Payload } from './attackPayloads';
import { CHECKPOINTS, pickle, recordsOf, text, Workbench } from './fixtures';

const FILES = ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt'];

describe('payloads', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });
  const traces = join(bench.root, 'traces');
  mkdirSync(traces);
  const payloads = payloadsFor(join(traces, 'marker'));
  const clean = bench.copy(CHECKPOINTS.field);

  async function openEverywhere(folder: string, file: string, levels: readonly Level[]): Promise<string[]> {
    const verdicts: string[] = [];
    for (const level of levels) {
      const report = await validateCheckpoint(folder, { level });
      verdicts.push(report.verdict);
      renderReport(report);
      renderReports([{ name: folder, report }]);
    }
    verdicts.push((await validateCheckpoint(join(folder, file))).verdict);
    const printed = await validateCommand.run({
      positionals: [folder],
      option: () => undefined,
      values: () => [],
    } as never);
    assert.equal(printed.yes, false);
    // Where there is nothing to compare, or to run, that is said; anything else would be a crash.
    await compareCheckpoints(clean, folder).then(renderComparison, (error: unknown) => {
      assert.ok(error instanceof CheckpointPathError, String(error));
    });
    const outline = await outlineFile(join(folder, file));
    verdicts.push(outline.verdict);
    await summarizeTensors(
      join(folder, file),
      outline.identity,
      outline.tensors.map((_, index) => index),
    );
    return verdicts;
  }

  it('are many, of every family', () => {
    const counts = new Map<string, number>();
    for (const { family } of payloads) counts.set(family, (counts.get(family) ?? 0) + 1);
    assert.ok(payloads.length >= 40 && counts.size >= 7, [...counts].join(' · '));
    assert.ok(
      [...counts.values()].every((count) => count >= 5),
      [...counts].join(' · '),
    );
    assert.equal(new Set(payloads.map(({ name }) => name)).size, payloads.length);
  });

  for (const file of FILES) {
    const containers = [
      { format: 'zip', put: intoArchive, levels: LEVELS.slice(1) },
      { format: 'legacy format', put: (_: Buffer, payload: Payload) => legacyWith(payload), levels: LEVELS.slice(-1) },
    ];
    for (const { format, put, levels } of containers) {
      it(`in ${file} as ${format} leave no trace`, async () => {
        const folder = bench.copy(CHECKPOINTS.field);
        const data = readFileSync(join(folder, file));
        for (const payload of payloads) {
          bench.edit(folder, file, () => put(data, payload));
          const verdicts = await openEverywhere(folder, file, levels);
          assert.deepEqual([...new Set(verdicts)], ['dangerous'], payload.name);
          assert.deepEqual(readdirSync(traces), [], payload.name);
        }
      });
    }
  }

  it('in any pickle of a legacy file leave no trace, and without one the file is no danger', async () => {
    const innocent = await validateCheckpoint(bench.file('legacy.pt', legacyWith(null)));
    assert.equal(innocent.verdict, 'valid', JSON.stringify(innocent.findings));
    for (const payload of payloads) {
      for (const part of ['protocol', 'system', 'keys'] as const) {
        const path = bench.file('legacy.pt', legacyWith(payload, part));
        assert.equal((await validateCheckpoint(path)).verdict, 'dangerous', `${payload.name} in ${part}`);
      }
    }
    assert.deepEqual(readdirSync(traces), []);
  });

  it('in the run’s probe.pt, and in weights that are run, leave no trace', async function () {
    try {
      await loadRuntime();
    } catch {
      this.skip();
    }
    const folder = bench.copy(CHECKPOINTS.field);
    const weights = join(folder, 'npt_weights.pt');
    const data = readFileSync(weights);
    for (const payload of payloads) {
      bench.edit(folder, 'npt_weights.pt', () => intoArchive(data, payload));
      const layers = await probeWeights(weights, bench.file('probe.pt', archiveWith(payload)));
      assert.equal(layers.length, 3, payload.name);
    }
    assert.deepEqual(readdirSync(traces), []);
  });

  it('that are HTML in names stay text in every report', async () => {
    const html = '<img src=x onerror=alert(1)><script>alert(2)</script>[x](command:evil)';
    const folder = bench.copy(CHECKPOINTS.field, 'checkpoint-24000');
    bench.edit(folder, 'npt_weights.pt', (data) => {
      const { length = 0 } = recordsOf(data).get('npt_weights/data/0') ?? {};
      // A tensor of that name, and a call of it.
      const tensor = pickle(
        'ctorch._utils\n_rebuild_tensor_v2\n((',
        ...[text('storage'), 'ctorch\nFloatStorage\n', text('0'), text('cpu'), `I${length / 4}\n`, 'tQI0\n'],
        '(I1\nt(I1\nt\x89ccollections\nOrderedDict\n)RtR',
      );
      const opcodes = pickle(`c${html}\n${html}\n)R`, 's', text(html), tensor);
      return intoArchive(data, { family: 'names', name: 'html', opcodes });
    });
    bench.edit(folder, 'config.json', () => JSON.stringify({ model_name: html, [html]: html }));
    const report = await validateCheckpoint(folder);
    const renamed = { ...report, path: join(folder, html), stage: html };
    const comparison = await compareCheckpoints(clean, folder);
    for (const markdown of [
      renderReport(renamed),
      renderReports([{ name: html, report: renamed }]),
      renderComparison(comparison),
    ]) {
      assert.match(markdown, /onerror|alert/, 'the name is in it');
      assert.doesNotMatch(markdown, /<(?:img|script)|(?<!\\)\]\(command:/);
    }
    // The page sets text; what goes to it is JSON that holds the names as they are.
    const outline = await outlineFile(join(folder, 'npt_weights.pt'));
    assert.notEqual(outline.verdict, 'valid');
    assert.ok(JSON.stringify(outline).includes('onerror'));
  });
});
