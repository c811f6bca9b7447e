/** The readable report, the catalogue behind it, and the JSON that scripts get. */
import Ajv2020 from 'ajv/dist/2020';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FINDINGS, verdictOf, type FindingCode } from '../../../src/core/checkpoint/validate/findings';
import { markdownText } from '../../../src/core/plainText';
import { optimizerRows, renderReport } from '../../../src/core/checkpoint/report/renderReport';
import type { Finding, Level, ValidationReport } from '../../../src/core/checkpoint/report/report';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { ATTACKS } from './attacks';
import { CHECKPOINTS, pickle, text, torchZip, Workbench } from './fixtures';

const ROOT = join(__dirname, '../../..');

describe('renderReport', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  it('puts findings first, with what to do, then facts and files', async () => {
    const folder = bench.copy(CHECKPOINTS.oursDual, 'checkpoint-31');
    const markdown = renderReport(await validateCheckpoint(folder));
    const order = [
      '# checkpoint-31',
      '**Not valid',
      '## Findings',
      'The folder is named for step 31',
      'Rename the folder',
      '## Checkpoint',
      '| Step | 30 |',
      '| Stage | mixed |',
      '| Layers | 1, 2 |',
      '| Modulation | dual |',
      '| Rank | 4 |',
      '| Optimizer | AdamW, state of 12 tensors, step 30 |',
      '| Learning rate | 5e-4 |',
      '| Schedule | at step 30 of 90, warm-up until 5, base rate 0.001 |',
      '## Files',
      'training\\_state.pt',
    ];
    let at = -1;
    for (const part of order) {
      const next = markdown.indexOf(part, at + 1);
      assert.ok(next > at, `${part} is missing or out of place in\n${markdown}`);
      at = next;
    }
  });

  it('tells of the optimizer what its file tells, in every layout', async () => {
    const rows = async (fixture: string, level: Level = 'structure'): Promise<[string, string][]> =>
      optimizerRows((await validateCheckpoint(bench.copy(fixture), { level })).optimizer);
    assert.deepEqual(await rows(CHECKPOINTS.field), [
      ['Optimizer', 'AdamW, state of 9 tensors, step 24,000'],
      ['Learning rate', '4.2e-5'],
      ['Schedule', 'at step 24,000, base rate 5e-5'],
      ['Loss scaler', 'scale 65,536'],
    ]);
    assert.deepEqual((await rows(CHECKPOINTS.fieldOld))[2], ['Schedule', 'at step 1,500']);
    assert.deepEqual(await rows(CHECKPOINTS.field, 'files'), []);
    const alone = await validateCheckpoint(join(bench.copy(CHECKPOINTS.oursTriple), 'training_state.pt'));
    assert.deepEqual(alone.optimizer?.steps, { least: 60, most: 60 });
    const facts = {
      ...alone.optimizer,
      kind: null,
      parameters: 1000,
      steps: { least: 5, most: 6000 },
      learningRate: null,
      scaler: null,
      scheduler: { position: null, baseRate: null, warmUpUntil: null, end: 10 },
      groups: [],
    };
    assert.deepEqual(optimizerRows(facts), [
      ['Optimizer', 'of an unknown kind, state of 1,000 tensors, steps 5–6,000'],
      ['Schedule', 'to 10'],
    ]);
  });

  it('leaves nothing that comes from a file alive', async () => {
    const nasty =
      '<img src=x onerror=alert(1)>](http://evil.example) `code` **bold** | cell\n# heading\u202e www.evil.example';
    const file = bench.file(
      'x<b>.pt',
      torchZip(
        pickle('\x80\x02}', text(nasty), `cevil <script>alert(1)</script>\nx[a](http://evil.example)\n`, '(t\x81s.'),
      ),
    );
    const markdown = renderReport(await validateCheckpoint(file));
    assert.doesNotMatch(markdown, /<(?!\/?[|])/);
    assert.doesNotMatch(markdown, /[^\\]\]\(/);
    assert.doesNotMatch(markdown, /:\/\//);
    assert.doesNotMatch(markdown, /www\./);
    assert.doesNotMatch(markdown, /\n# heading/);
    assert.match(markdown, /&lt;script/);
  });

  it('escapes every kind of markup', () => {
    assert.equal(markdownText('a_b*c`d[e](f)<g>&|h'), 'a\\_b\\*c\\`d\\[e\\]\\(f\\)&lt;g&gt;&amp;\\|h');
    assert.equal(markdownText('- item'), '\\- item');
    assert.equal(markdownText('1. item'), '1\\. item');
    assert.equal(markdownText('1) item'), '1\\) item');
    assert.equal(markdownText('0.005'), '0.005');
  });
});

describe('findings', () => {
  it('are each explained in docs/findings.md, with their severity, and nothing else is', () => {
    const document = readFileSync(join(ROOT, 'docs/findings.md'), 'utf8');
    const documented = new Map(
      [...document.matchAll(/^\| `([a-z0-9-]+)` \| (error|warning|info)\b/gm)].map((match) => [match[1], match[2]]),
    );
    for (const [code, kind] of Object.entries(FINDINGS)) assert.equal(documented.get(code), kind.severity, code);
    assert.deepEqual(
      [...documented.keys()].filter((code) => !(String(code) in FINDINGS)),
      [],
    );
  });

  it('make the verdict: the worst error counts, warnings never do', () => {
    const make = (code: FindingCode, severity: Finding['severity'] = 'error'): Finding => ({
      code,
      severity,
      file: null,
      message: '',
    });
    assert.equal(verdictOf([]), 'valid');
    assert.equal(verdictOf([make('non-finite', 'warning'), make('no-checksums', 'info')]), 'valid');
    assert.equal(verdictOf([make('missing-file')]), 'incomplete');
    assert.equal(verdictOf([make('missing-file'), make('encrypted')]), 'unverifiable');
    assert.equal(verdictOf([make('missing-file'), make('encrypted'), make('truncated')]), 'invalid');
    assert.equal(verdictOf([make('truncated'), make('dangerous-global')]), 'dangerous');
  });
});

describe('cli-validate.schema.json', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });
  const schema = JSON.parse(readFileSync(join(ROOT, 'schemas/cli-validate.schema.json'), 'utf8')) as object;
  const check = new Ajv2020({ strict: true }).compile(schema);

  it('describes every report', async () => {
    const paths = [
      ...Object.values(CHECKPOINTS).map((fixture) => bench.copy(fixture)),
      ...ATTACKS.map((attack) => bench.file('a.pt', attack.data)),
      bench.root,
    ];
    for (const path of paths) {
      const report: unknown = JSON.parse(JSON.stringify(await validateCheckpoint(path)));
      assert.ok(check(report), `${path}: ${JSON.stringify(check.errors)}`);
    }
  });

  it('refuses what is no report', () => {
    const report: Partial<ValidationReport> = { path: 'x', level: 'numbers' };
    assert.equal(check(report), false);
  });
});
