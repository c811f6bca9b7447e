import assert from 'node:assert/strict';
import fc from 'fast-check';
import { labelText, markdownText, plainText, visibleLines, visibleText } from '../../../src/core/plainText';

/** Any text, with what is dangerous more often than chance would have it. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '[',
        ']',
        '(',
        ')',
        '$',
        '{',
        '}',
        '\\',
        '`',
        '*',
        '_',
        '<',
        '>',
        '&',
        '#',
        '|',
        '!',
        '@',
        '/',
        ':',
      ),
      fc.constantFrom(
        '[x](command:y)',
        '${env:HOME}',
        '$(zap)',
        '\u001b[31m',
        '\u202e',
        '\u200b',
        '\ud800',
        '\n',
        '\0',
      ),
      fc.constantFrom('http://e.example', 'www.', '<img src=x>', '- ', '1. ', '{0}', '&#91;', '👩‍🚀', 'שלום'),
      fc.string({ unit: 'binary' }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

/** How VS Code finds links (base/common/linkedText), icons (iconLabels) and variables in its strings. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/i;
const ICON = /\$\([a-z0-9-]+(?:~[a-z]+)?\)/i;
const VARIABLE = /\$\{.*?\}/;
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u;

describe('text from disk', () => {
  it('reads as it was where nothing is special', () => {
    for (const text of ['npt_demo-2', 'run (copy) [2]', 'a $5 {x}', '実験', 'שלום', 'naïve', '👩‍🚀', '0.005', ''])
      assert.equal(plainText(text), text);
  });

  it('writes out what cannot be seen or reorders what is beside it', () => {
    assert.equal(
      visibleText('a\nb\tc\u001b[31m\u202eevil\ud800\u{e0041}'),
      'a\\nb\\tc\\x1b[31m\\u202eevil\\ud800\\u{e0041}',
    );
    assert.equal(visibleLines('a\n\u202eb\tc\r'), 'a\n\\u202eb\tc\\r');
  });

  it('is no link, icon or variable, and every character of it is still there', () => {
    const nasty = '[x](command:workbench.action.quit) $(zap) ${command:x} [y](https://e.example)';
    assert.equal(plainText(nasty).replaceAll('\u200b', ''), nasty);
    assert.doesNotMatch(plainText(nasty), LINK);
    assert.equal(labelText(nasty, 'sync~spin'), `$(sync~spin) ${plainText(nasty)}`);
  });

  it('is cut in the middle, whatever is there', () => {
    const long = plainText(`Record '${'x'.repeat(10_000)}' occurs twice.`);
    assert.equal(long.length, 1000);
    assert.match(long, /^Record 'x+…x+' occurs twice\.$/);
    assert.equal(visibleText('\0'.repeat(5000)).length, 1000);
  });

  it('(property) never interprets, never hides, and is the same when done again', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 5, max: 60 }), (text, longest) => {
        for (const shown of [plainText(text), plainText(text, { longest })]) {
          assert.doesNotMatch(shown, LINK);
          assert.doesNotMatch(shown, ICON);
          assert.doesNotMatch(shown, VARIABLE);
          assert.doesNotMatch(shown, UNSEEN);
        }
        assert.equal(plainText(plainText(text)), plainText(text));
        assert.ok(visibleText(text, { longest }).length <= longest);
      }),
      { numRuns: 2000 },
    );
  });

  it('(property) has no character in Markdown that is not escaped', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = markdownText(text);
        assert.doesNotMatch(shown, UNSEEN);
        assert.doesNotMatch(shown.replace(/\\[^a-z0-9\s]/gi, ''), /[\\`*_{}[\]<>#|~!$()]/);
        assert.doesNotMatch(shown.replace(/&(lt|gt|amp);/g, ''), /&/);
        assert.doesNotMatch(shown, /\/\/|www\.|(?<!\u200b)@/i);
        assert.doesNotMatch(shown, /^([-+=]|\d+\.(\s|$)| )/);
      }),
      { numRuns: 2000 },
    );
  });
});
