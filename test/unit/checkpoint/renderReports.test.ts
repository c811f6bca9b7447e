import assert from 'node:assert/strict';
import { renderReports } from '../../../src/core/checkpoint/report/renderReports';
import type { Finding, ValidationReport, Verdict } from '../../../src/core/checkpoint/report/report';

function report(verdict: Verdict, findings: readonly Finding[] = []): ValidationReport {
  return {
    path: '/ws/experiments/run/checkpoints/checkpoint-100',
    level: 'numbers',
    verdict,
    step: 100,
    stage: 'mixed',
    layers: [2],
    modulation: 'single',
    npRank: 16,
    numRanks: 4,
    parameters: 100,
    files: [],
    findings,
    seconds: 0.1,
  };
}

describe('a report of several validations', () => {
  it('puts what is not valid first, with its first error', () => {
    const text = renderReports([
      { name: 'run / good', report: report('valid') },
      {
        name: 'run / bad',
        report: report('invalid', [
          { code: 'b', severity: 'warning', file: null, message: 'only a warning' },
          { code: 'a', severity: 'error', file: null, message: 'the bytes differ' },
        ]),
      },
    ]);
    assert.match(text, /1 of 2 checkpoints are not valid/);
    assert.ok(text.indexOf('run / bad') < text.indexOf('run / good'));
    assert.match(text, /the bytes differ/);
    assert.doesNotMatch(text, /only a warning/);
  });

  it('says so when all are valid', () => {
    assert.match(renderReports([{ name: 'a', report: report('valid') }]), /All 1 checkpoints are valid/);
  });

  it('lets no name or message become HTML or a table of its own', () => {
    const finding: Finding = {
      code: 'x',
      severity: 'error',
      file: null,
      message: '<img src=x onerror=alert(1)> | a | b',
    };
    const text = renderReports([{ name: '<b>|</b>', report: report('dangerous', [finding]) }]);
    assert.doesNotMatch(text, /<img|<b>/);
    const row = text.split('\n').find((line) => line.includes('dangerous'));
    assert.equal(row?.split(/(?<!\\)\|/).length, 6, 'four cells, whatever is in them');
  });
});
