import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readJunit, readMocha } from '../../../tools/suites/reports.mjs';

describe('reading test reports', () => {
  let folder: string;
  const written = (text: string): string => {
    const file = path.join(folder, 'report');
    writeFileSync(file, text);
    return file;
  };

  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'npt-reports-'));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('counts what pytest counted, an error in a fixture as a failure', () => {
    const outcome = readJunit(
      written(
        `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="5" time="0.1">
<testcase classname="tests.test_a" name="test_fine" time="0.0" />
<testcase classname="tests.test_a" name="test_fine_too" time="0.0"></testcase>
<testcase classname="tests.test_a" name="test_skipped" time="0.0"><skipped type="pytest.skip" message="no gpu">why</skipped></testcase>
<testcase classname="tests.test_a" name="test_wrong[&lt;x&gt;]" time="0.0"><failure message="assert 1 == 2">def test():
&gt;   assert 1 == 2 &amp;&#x2713;</failure></testcase>
<testcase classname="tests.test_b" name="test_setup" time="0.0"><error message="failed on setup">boom</error></testcase>
</testsuite></testsuites>`,
      ),
    );
    assert.deepEqual([outcome.passed, outcome.failed, outcome.skipped], [2, 2, 1]);
    assert.deepEqual(
      outcome.failures.map((failure) => failure.title),
      ['tests.test_a › test_wrong[<x>]', 'tests.test_b › test_setup'],
    );
    assert.equal(outcome.failures[0]?.detail, 'def test():\n>   assert 1 == 2 &✓');
  });

  it('counts what mocha counted', () => {
    const outcome = readMocha(
      written(
        JSON.stringify({
          stats: { passes: 3, failures: 1, pending: 2 },
          failures: [{ fullTitle: 'a thing does', err: { message: 'no', stack: 'Error: no\n    at x' } }],
        }),
      ),
    );
    assert.deepEqual([outcome.passed, outcome.failed, outcome.skipped], [3, 1, 2]);
    assert.deepEqual(outcome.failures, [{ title: 'a thing does', detail: 'Error: no\n    at x' }]);
  });
});
