import assert from 'node:assert/strict';
import fc from 'fast-check';
import { nameBelow, shortNames } from '../../../src/core/shortNames';

const sweep = Array.from({ length: 45 }, (_, at) => at + 1).map(
  (n) => `llama1b_r64_lr${n}_bs32_teacher20k_mixed30k_student40k_seed${n}`,
);

describe('names shortened among others', () => {
  it('keep the words in which they differ, and as many others as there is room for', () => {
    assert.equal(shortNames(sweep, 18)[43], 'lr44…seed44');
    assert.equal(shortNames(sweep, 24)[43], 'llama1b_r64_lr44…seed44');
    const unlike = ['gpt-wide-lr1-long', 'gpt-wide-lr2-long-again'];
    assert.deepEqual(shortNames(unlike, 16), ['lr1-long', 'lr2-long-again']);
  });

  it('are as they are where there is room', () => {
    assert.deepEqual(shortNames(['main', 'main-lr0.001', 'other'], 18), ['main', 'main-lr0.001', 'other']);
  });

  it('lose their middle where they begin like no other', () => {
    assert.deepEqual(shortNames(['a_name_that_goes_on_and_on', 'short'], 11), ['a_nam…nd_on', 'short']);
  });

  it('are whole where they would look like another', () => {
    const names = [`a${'x'.repeat(50)}1${'y'.repeat(50)}`, `a${'x'.repeat(50)}2${'y'.repeat(50)}`, 'b'];
    assert.deepEqual(shortNames(names, 10), names);
  });

  it('never look like another, whatever they are', () => {
    const word = fc.constantFrom('a', 'lr1', 'lr2', 'seed44', '…', 'llama1b', '😀', '');
    const name = fc.array(fc.tuple(fc.constantFrom('_', '-', '.', ' ', ''), word), { maxLength: 9 });
    fc.assert(
      fc.property(
        fc.uniqueArray(
          name.map((words) => words.flat().join('')),
          { maxLength: 12 },
        ),
        fc.integer({ min: 3, max: 30 }),
        (names, longest) => {
          const short = shortNames(names, longest);
          assert.equal(new Set(short).size, names.length);
          for (const [at, text] of short.entries()) {
            const whole = names[at] ?? '';
            assert.ok(text === whole || text.length <= longest, `${text} of ${whole}`);
            if (whole.length <= longest) assert.equal(text, whole);
            assert.doesNotMatch(text, /[\ud800-\udbff](?![\udc00-\udfff])/);
          }
        },
      ),
    );
  });
});

describe('the name of what hangs below another', () => {
  it('leaves out what that one says', () => {
    assert.equal(nameBelow('npt_demo-lr0.001', 'npt_demo'), '…lr0.001');
    assert.equal(nameBelow('seq/layer_1', 'seq'), '…layer_1');
  });

  it('is whole where it says something else, or nothing more', () => {
    for (const [name, above] of [
      ['npt_demo2', 'npt_demo'],
      ['npt_demo', 'npt_demo'],
      ['npt_demo-', 'npt_demo'],
      ['other', 'npt_demo'],
      ['main', ''],
    ] as const)
      assert.equal(nameBelow(name, above), name);
  });
});
