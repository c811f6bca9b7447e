import assert from 'node:assert/strict';
import fc from 'fast-check';
import { wrapText } from '../../../src/core/wrapText';

describe('wrapText', () => {
  it('breaks at blanks, and long words where the line ends', () => {
    assert.deepEqual(wrapText('one two three', 7), ['one two', 'three']);
    assert.deepEqual(wrapText('see /a/very/long/path now', 8), ['see', '/a/very/', 'long/pat', 'h now']);
    assert.deepEqual(wrapText('a:1,b:22,c:333,d', 10), ['a:1,b:22,', 'c:333,d']);
    assert.deepEqual(wrapText('  ', 8), []);
  });

  it('loses no word, and no line is too long (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.integer({ min: 2, max: 40 }), (text, columns) => {
        const lines = wrapText(text, columns);
        assert.equal(lines.join('').replace(/\s/g, ''), text.replace(/\s/g, ''));
        for (const line of lines) {
          assert.ok(line !== '' && line.length <= columns);
          assert.doesNotMatch(line, /^\p{Surrogate}|\p{Surrogate}$/u, 'a pair stays whole');
        }
      }),
    );
  });
});
