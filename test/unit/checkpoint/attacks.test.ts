import assert from 'node:assert/strict';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { renderReport } from '../../../src/core/checkpoint/report/renderReport';
import { ATTACKS } from './attacks';
import { Workbench } from './fixtures';
import { cpuMs } from '../cpuTime';

/** What must be said about tricks of the container and the format, besides the verdict. */
const SAID: Readonly<Record<string, string>> = {
  'called before the pickle breaks off': 'pickle-truncated',
  'an unknown function called': 'unknown-call',
  'behind an extension code': 'unknown-global',
  'a pickle in a byte string': 'nested-pickle',
  'a payload behind the end of data.pkl': 'pickle-trailing-data',
  'two data.pkl that differ in case': 'zip-duplicate-record',
  'a second folder with a data.pkl': 'zip-several-roots',
  'another name in the local header (CVE-2025-1944)': 'zip-name-mismatch',
  'the encryption flag on plain data (CVE-2025-1945)': 'encrypted',
  'the encryption flag in one header only': 'zip-flags',
  'a tensor marked as a directory': 'zip-flags',
  'an evil pickle marked as a directory': 'zip-flags',
  'a wrong CRC (CVE-2025-10156)': 'checksum-mismatch',
  'a deflated evil pickle': 'zip-compressed',
  'a bomb that lies about its size': 'unreadable-data',
  'an unknown compression method': 'zip-compression-method',
  'records that overlap': 'zip-overlap',
  'a record beyond the end': 'zip-record-bounds',
  'bytes between the records': 'zip-hidden-bytes',
  'bytes behind the zip': 'trailing-data',
  'a second zip behind the zip': 'zip-central-directory',
  'a pickle among the extra records': 'zip-extra-record',
  'a TorchScript archive': 'torchscript-archive',
  'a truncated zip': 'truncated',
  'a storage larger than its record': 'storage-size',
  'a storage without a record': 'missing-record',
  'a storage key that climbs out': 'unused-record',
  'ten million opcodes': 'pickle-limit',
  'a tar': 'other-archive',
  text: 'not-torch',
  zeros: 'zeroed-file',
  nothing: 'empty-file',
};

describe('attacks', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  it('are many, and each has a name of its own', () => {
    assert.ok(ATTACKS.length >= 40);
    const names = new Set(ATTACKS.map((attack) => attack.name));
    assert.deepEqual(
      Object.keys(SAID).filter((name) => !names.has(name)),
      [],
    );
    assert.equal(new Set(ATTACKS.map((attack) => attack.name)).size, ATTACKS.length);
  });

  for (const attack of ATTACKS) {
    it(`${attack.name} → ${attack.verdict ?? 'not valid'}`, async () => {
      const path = bench.file('attack.pt', attack.data);
      const started = cpuMs();
      const report = await validateCheckpoint(path);
      const seconds = (cpuMs() - started) / 1000;
      const said = `${report.verdict}: ${report.findings.map((finding) => finding.message).join(' ')}`;
      assert.notEqual(report.verdict, 'valid', said);
      if (attack.verdict !== null) assert.equal(report.verdict, attack.verdict, said);
      const code = SAID[attack.name];
      if (code !== undefined)
        assert.ok(
          report.findings.some((finding) => finding.code === code),
          said,
        );
      assert.ok(seconds < 3, `took ${seconds} s`);
      assert.ok(renderReport(report).length < 100_000);
    });
  }
});
