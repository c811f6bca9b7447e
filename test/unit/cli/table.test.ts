import assert from 'node:assert/strict';
import { printable, printableJson, table } from '../../../src/cli/table';

describe('what the command line prints', () => {
  const nasty = 'a\u001b]0;title\u0007\nb\u009b31m\u202e';

  it('cannot move a terminal’s cursor, and is not cut', () => {
    assert.equal(printable(nasty), 'a\\x1b]0;title\\x07\\nb\\x9b31m\\u202e');
    assert.equal(printable('x'.repeat(5000)).length, 5000);
    assert.equal(table([[nasty, '1']]), `${printable(nasty)}  1`);
  });

  it('is the same document as JSON', () => {
    const json = printableJson({ name: nasty }, undefined);
    assert.doesNotMatch(json, /[\p{Cc}\u202e]/u);
    assert.deepEqual(JSON.parse(json), { name: nasty });
  });
});
