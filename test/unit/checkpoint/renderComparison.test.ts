/** What a person reads of a comparison. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Comparison } from '../../../src/core/checkpoint/compare/compare';
import {
  argumentTexts,
  cosineText,
  isSame,
  layerDifferences,
  renderComparison,
  summarizeComparison,
} from '../../../src/core/checkpoint/report/renderComparison';
import type { OptimizerFacts } from '../../../src/core/checkpoint/report/report';

const NAMES = ['W_down', 'W_a_up', 'W_b_up'] as const;
const same = { same: true, relativeChange: 0, cosine: 1 };
const stage = (name: string, from: number, until: number, mixingRatio: number | null = null) => ({
  name,
  from,
  until,
  mixingRatio,
  mlpMixingRatio: null,
});

const facts = (step: number): OptimizerFacts => ({
  kind: 'AdamW',
  parameters: 6,
  steps: { least: step, most: step },
  learningRate: 1e-4,
  groups: [],
  scheduler: null,
  scaler: null,
});
const setting = (name: string, a: unknown, b: unknown) => ({ name, same: isDeepStrictEqual(a, b), a, b });
const moment = (name: string, relativeChange: number | null) => ({
  name,
  same: relativeChange === 0,
  relativeChange,
  cosine: relativeChange === 0 ? 1 : null,
});

/** Layer 3 is frozen; of layer 5 one tensor changed. */
function comparison(more: Partial<Comparison> = {}): Comparison {
  return {
    a: { path: '/data/experiments/main/checkpoints/checkpoint-2000', step: 2000 },
    b: { path: '/data/experiments/main/checkpoints/checkpoint-4000', step: 4000 },
    arguments: [{ name: 'learning_rate', a: 5e-5, b: 1e-4 }],
    curriculum: [
      { index: 0, same: true, a: stage('teacher', 0, 3000), b: stage('teacher', 0, 3000) },
      { index: 1, same: false, a: stage('mixed', 3000, 9000, 0.5), b: null },
    ],
    layers: [
      { layer: 3, ...same },
      { layer: 5, same: false, relativeChange: 0.0125, cosine: 0.9999999 },
    ],
    tensors: [
      ...NAMES.map((name) => ({ name: `layer_3_np.${name}`, ...same })),
      { name: 'layer_5_np.W_down', same: false, relativeChange: 0.25, cosine: 0.97 },
      { name: 'layer_5_np.W_a_up', ...same },
      { name: 'layer_5_np.W_b_up', same: false, relativeChange: null, cosine: null },
    ],
    onlyInA: [],
    onlyInB: [],
    notes: [],
    optimizer: {
      a: facts(2000),
      b: facts(4000),
      same: false,
      settings: [
        setting('kind', 'AdamW', 'AdamW'),
        setting('steps', 2000, 4000),
        setting('lr', 0.0034567085809, 5e-5),
        setting('betas', [0.9, 0.999], [0.9, 0.999]),
        setting('foreach', null, null),
        setting('scheduler base rate', 0.1, 0.1 + 1e-12),
        setting('scaler', null, 'stored'),
      ],
      layers: [
        { layer: 3, moments: [moment('exp_avg', 0), moment('exp_avg_sq', 0)] },
        { layer: 5, moments: [moment('exp_avg', 1.25), moment('exp_avg_sq', null)] },
      ],
    },
    ...more,
  };
}

const identical = (): Comparison =>
  comparison({
    arguments: [],
    curriculum: comparison().curriculum.slice(0, 1),
    layers: comparison().layers.slice(0, 1),
    tensors: comparison().tensors.slice(0, 3),
    optimizer: {
      ...comparison().optimizer,
      b: facts(2000),
      same: true,
      settings: [setting('kind', 'AdamW', 'AdamW')],
      layers: comparison().optimizer.layers.slice(0, 1),
    },
  });
const none = { a: null, b: null, same: null, settings: [], layers: [] };

describe('renderComparison', () => {
  it('tells layers, arguments and curriculum, then each tensor of the layers that changed', () => {
    const markdown = renderComparison(comparison());
    const order = [
      '# checkpoint-2000 and checkpoint-4000',
      '**2 of 6 tensors, 1 argument, the curriculum and the optimizer state differ; layer 3 is identical.**',
      '| A | 2,000 | /data/experiments/main/checkpoints/checkpoint-2000 |',
      '| B | 4,000 |',
      'Frozen, or not trained in between: 3.',
      '| 3 | **identical** | |',
      '| 5 | 0.0125 | 1 − 1e-7 |',
      '| learning\\_rate | 5e-5 | 1e-4 |',
      '| 1 | teacher 0–3000 | the same |',
      '| 2 | mixed 3000–9000 \\(ratio 0.5\\) | – |',
      '## Optimizer',
      '| optimizer | AdamW | the same |',
      '| steps | 2,000 | 4,000 |',
      '| lr | 0.00345671 | 5e-5 |',
      '| betas | 0.9,0.999 | the same |',
      '| scheduler base rate | 0.1 | 0.10000000000100001 |',
      '| loss scaler | – | stored |',
      '| Layer | Change of exp\\_avg | Change of exp\\_avg\\_sq |\n|---:|---:|---:|',
      '| 3 | **identical** | **identical** |',
      '| 5 | 1.25 | differs, cannot be measured |',
      '4 of 6 are identical.',
      '| layer\\_5\\_np.W\\_down | 0.25 | 0.97 |',
      '| layer\\_5\\_np.W\\_a\\_up | **identical** | |',
      '| layer\\_5\\_np.W\\_b\\_up | differs, cannot be measured | – |',
    ];
    let at = -1;
    for (const part of order) {
      const next = markdown.indexOf(part, at + 1);
      assert.ok(next > at, `${part} is missing or out of place in\n${markdown}`);
      at = next;
    }
    assert.doesNotMatch(markdown, /layer\\_3\\_np/, 'a frozen layer is told once');
    assert.doesNotMatch(markdown, /Only in/);
    assert.doesNotMatch(markdown, /foreach/, 'a setting of little interest is told where it differs');
  });

  it('says what could not be compared, first of all', () => {
    const broken: Comparison = {
      ...identical(),
      notes: [{ side: 'b', kind: 'unreadable', file: 'config.json', message: 'config.json is not JSON: no_arguments' }],
    };
    const markdown = renderComparison(broken);
    assert.match(markdown, /\*\*All tensors are the same; not compared: config\.json\.\*\*/);
    assert.match(markdown, /\n- B: config\.json is not JSON: no\\_arguments\.\n[^]*## Layers/);
    assert.doesNotMatch(markdown, /No argument differs/);
    assert.equal(isSame(broken), false);
  });

  it('tells moments that belong to no layer by position', () => {
    const markdown = renderComparison(
      comparison({
        optimizer: { ...comparison().optimizer, layers: [{ layer: null, moments: [moment('exp_avg', 2)] }] },
      }),
    );
    assert.match(markdown, /\| all, by position \| 2 \|/);
  });

  it('says that nothing differs', () => {
    const markdown = renderComparison(identical());
    assert.match(markdown, /\*\*Tensors, arguments, curriculum and optimizer are the same\.\*\*/);
    assert.match(markdown, /No argument differs\./);
    assert.match(markdown, /The same: teacher 0–3000\./);
    assert.match(markdown, /All 3 tensors that both have are identical\./);
    assert.match(markdown, /The same settings, step counts and moments\./);
    assert.doesNotMatch(renderComparison({ ...identical(), optimizer: none }), /## Optimizer/);
  });

  it('lists what only one side has', () => {
    const markdown = renderComparison(
      comparison({ onlyInA: ['layer_7_np.W_down'], onlyInB: ['layer_8_np.W_down', 'layer_8_np.W_a_up'] }),
    );
    assert.match(markdown, /\| 7 \| only in A \| – \|\n\| 8 \| only in B \| – \|/);
    assert.match(markdown, /## Only in A\n\n- layer\\_7\\_np\.W\\_down\n/);
    assert.match(markdown, /## Only in B\n\n- layer\\_8\\_np\.W\\_down\n- layer\\_8\\_np\.W\\_a\\_up\n/);
  });

  it('leaves nothing that comes from a file alive', () => {
    const nasty = '<img src=x onerror=alert(1)>](http://evil.example) | cell\n# heading www.evil.example';
    const markdown = renderComparison(
      comparison({
        a: { path: `/tmp/${nasty}`, step: null },
        arguments: [{ name: nasty, a: nasty, b: [nasty] }],
        curriculum: [{ index: 0, same: false, a: stage(nasty, 0, 10), b: null }],
        tensors: [{ name: nasty, same: false, relativeChange: 1, cosine: 0 }],
        onlyInA: [nasty],
        onlyInB: [nasty],
        notes: [{ side: 'a', kind: 'unreadable', file: 'training_state.pt', message: nasty }],
        optimizer: {
          ...comparison().optimizer,
          settings: [setting(nasty, nasty, null)],
          layers: [{ layer: 1, moments: [moment(nasty, 1)] }],
        },
      }),
    );
    assert.doesNotMatch(markdown, /</);
    assert.doesNotMatch(markdown, /[^\\]\]\(/);
    assert.doesNotMatch(markdown, /:\/\//);
    assert.doesNotMatch(markdown, /www\./);
    assert.doesNotMatch(markdown, /\n# heading/);
    assert.match(markdown, /&lt;img/);
    // A bar that were alive would make a cell more than the table has.
    for (const row of markdown.split('\n').filter((line) => line.includes('heading') && /^\| (?!Layer)/.test(line)))
      assert.equal(row.replace(/\\\|/g, '').split('|').length, 5, row);
  });
});

describe('layerDifferences', () => {
  it('calls a layer frozen only when neither side has more of it', () => {
    const rows = layerDifferences(
      comparison({ onlyInB: ['layer_3_np.W_down.1', 'layer_9_np.W_down_gate'], onlyInA: ['layer_9_np.W_down'] }),
    );
    assert.deepEqual(
      rows.map(({ layer, state }) => [layer, state]),
      [
        [3, 'partly'],
        [5, 'changed'],
        [9, 'changed'],
      ],
    );
  });
});

describe('isSame', () => {
  it('is about tensors, arguments, curriculum and optimizer, not about names and paths', () => {
    assert.equal(isSame(identical()), true);
    const { arguments: changed, curriculum, tensors } = comparison();
    for (const difference of [
      { arguments: changed },
      { curriculum },
      { tensors },
      { optimizer: { ...identical().optimizer, same: false } },
      { onlyInA: ['layer_7_np.W_down'] },
      { onlyInB: ['layer_7_np.W_down'] },
    ])
      assert.equal(isSame({ ...identical(), ...difference }), false, JSON.stringify(difference));
    assert.equal(isSame({ ...identical(), optimizer: none }), true, 'weights alone, as they are published');
    assert.equal(
      isSame({ ...identical(), notes: [{ side: 'a', kind: 'missing', file: 'training_state.pt', message: 'x' }] }),
      true,
    );
  });
});

describe('the words of a comparison', () => {
  it('count', () => {
    assert.equal(
      summarizeComparison({ ...identical(), arguments: comparison().arguments }),
      'All tensors are the same; 1 argument differs.',
    );
    assert.equal(
      summarizeComparison({ ...identical(), onlyInB: ['layer_7_np.W_down'] }),
      '1 of 4 tensors differ; layer 3 is identical.',
    );
    const { optimizer } = comparison();
    assert.match(summarizeComparison({ ...identical(), optimizer }), /same; the optimizer state differs\.$/);
    assert.match(
      summarizeComparison({ ...identical(), optimizer: { ...optimizer, b: null } }),
      /; B has no optimizer\.$/,
    );
    assert.match(summarizeComparison({ ...identical(), optimizer: none }), /; neither has an optimizer\.$/);
  });

  it('tell a cosine near 1 by its distance', () => {
    assert.deepEqual([1, 0.99, 0.9995, 1 - 2 ** -20, 0, -1, null].map(cosineText), [
      '1',
      '0.99',
      '1 − 5e-4',
      '1 − 9.54e-7',
      '0',
      '-1',
      '–',
    ]);
  });

  it('tell values apart that are typed alike, and cut long ones', () => {
    assert.deepEqual(argumentTexts({ a: 5, b: '5' }), ['5', '"5"']);
    assert.deepEqual(argumentTexts({ a: null, b: '' }), ['–', '""']);
    assert.deepEqual(argumentTexts({ a: [], b: ['x', 'y'] }), ['[]', 'x,y']);
    assert.equal(argumentTexts({ a: 'y'.repeat(5000), b: 1 })[0].length, 201);
  });
});
