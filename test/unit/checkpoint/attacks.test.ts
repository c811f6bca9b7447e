import assert from 'node:assert/strict';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate';
import { renderReport } from '../../../src/core/checkpoint/renderReport';
import { ATTACKS } from './attacks';
import { Workbench } from './fixtures';

describe('attacks', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  it('are many, and each has a name of its own', () => {
    assert.ok(ATTACKS.length >= 40);
    assert.equal(new Set(ATTACKS.map((attack) => attack.name)).size, ATTACKS.length);
  });

  for (const attack of ATTACKS) {
    it(`${attack.name} → ${attack.verdict ?? 'not valid'}`, async () => {
      const path = bench.file('attack.pt', attack.data);
      const started = performance.now();
      const report = await validateCheckpoint(path);
      const seconds = (performance.now() - started) / 1000;
      const said = `${report.verdict}: ${report.findings.map((finding) => finding.message).join(' ')}`;
      assert.notEqual(report.verdict, 'valid', said);
      if (attack.verdict !== null) assert.equal(report.verdict, attack.verdict, said);
      assert.ok(seconds < 3, `took ${seconds} s`);
      assert.ok(renderReport(report).length < 100_000);
    });
  }
});
