import assert from 'node:assert/strict';
import { renderEvaluation } from '../../../src/core/checkpoint/report/renderEvaluation';
import { FileContentError } from '../../../src/core/jsonText';

const RESULT = { name: 'a|b/checkpoint-8', step: 12000, tokens: 1016, perplexity: 24.7551, text: 'held out by *a*' };

describe('the report of an evaluation', () => {
  it('has a row for each checkpoint, and what files hold as text', () => {
    const teacher = { teacher_perplexity: 4.04, kl: 2.0296, agreement: 0.3612 };
    const document = JSON.stringify({ schema: 1, results: [{ ...RESULT, ...teacher }] });
    const lines = renderEvaluation(document, '/w/<b>.json').split('\n');
    assert.deepEqual(lines.slice(2, 5), [
      '| Checkpoint | Step | Tokens | Perplexity | Teacher | KL (nats) | Agreement |',
      '| --- | --: | --: | --: | --: | --: | --: |',
      '| a\\|b/checkpoint-8 | 12,000 | 1,016 | 24.7551 | 4.04 | 2.0296 | 36.12 % |',
    ]);
    assert.ok(lines.includes('Text: held out by \\*a\\*.'));
    assert.ok(lines.includes('The figures are in /w/&lt;b&gt;.json.'));
  });

  it('leaves out what was not measured, and says where figures do not compare', () => {
    const results = [RESULT, { ...RESULT, perplexity: 'Infinity', text: 'other' }];
    const report = renderEvaluation(JSON.stringify({ schema: 1, results }), '/f');
    assert.match(report, /\| Checkpoint \| Step \| Tokens \| Perplexity \|\n/);
    assert.match(report, /\| Infinity \|/);
    assert.match(report, /Figures of different texts do not compare\./);
  });

  it('refuses what is no document of ours', () => {
    assert.throws(() => renderEvaluation('[1]', '/f'), FileContentError);
    assert.throws(() => renderEvaluation('{"schema":2}', '/f'), FileContentError);
  });
});
