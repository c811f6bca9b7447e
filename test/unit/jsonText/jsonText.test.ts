/** JSON out of files that may hold anything: what Python writes, and what nobody should. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  JsonDepthError,
  MAX_JSON_DEPTH,
  parseDocument,
  parseJsonOfAnyDepth,
  parseJsonText,
  stringifyJson,
} from '../../../src/core/jsonText';
import { ours } from '../../../src/core/metrics/sources/ours';
import { cpuMs } from '../cpuTime';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('parseJsonText', () => {
  it('reads every JSON value as JavaScript does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(parseJsonText(text), JSON.parse(text));
      }),
    );
  });

  it('takes Python’s bare numbers for their words, and leaves words in strings alone', () => {
    assert.deepEqual(parseJsonText(String.raw`{"a": NaN, "NaN": [-Infinity, Infinity], "b": "say \"NaN\" \\"}`), {
      a: 'NaN',
      NaN: ['-Infinity', 'Infinity'],
      b: 'say "NaN" \\',
    });
    for (const text of ['', '{', '{"a": NaN', 'NaNs', '{"a": "NaN}', '"\\'])
      assert.throws(() => parseJsonText(text), SyntaxError, text);
  });

  it('reads whole numbers of any size exactly, and writes them back', () => {
    const whole = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(whole, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string())),
        (list) => {
          const text = stringifyJson({ list });
          const read = (parseJsonText(text) as { list: unknown[] }).list;
          read.forEach((item, at) => {
            const was = list[at];
            if (typeof was === 'bigint') assert.equal(BigInt(item as number), was);
            else assert.deepEqual(item, JSON.parse(JSON.stringify(was)));
          });
          assert.deepEqual(parseJsonText(stringifyJson(read)), read);
        },
      ),
    );
    assert.deepEqual(parseJsonText('{"seed": 9007199254740993, "s": "9007199254740993", "f": 0.1234567890123456789}'), {
      seed: 9007199254740993n,
      s: '9007199254740993',
      f: Number('0.1234567890123456789'),
    });
    assert.deepEqual(parseJsonText('[1e22, 10000000000000000, 9223372036854775808, -18446744073709551615]'), [
      1e22,
      10000000000000000,
      9223372036854775808n,
      -18446744073709551615n,
    ]);
    assert.throws(() => parseJsonText('01234567890123456789'), SyntaxError);
    assert.equal(stringifyJson({ a: 2n ** 64n }), '{"a":18446744073709551616}');
  });

  it('refuses what is nested too deep, whatever follows', () => {
    assert.doesNotThrow(() => parseJsonText(nested(MAX_JSON_DEPTH)));
    for (const text of [nested(MAX_JSON_DEPTH + 1), nested(1e5), '{"a":'.repeat(1e5), '['.repeat(4e6)])
      assert.throws(() => parseJsonText(text), JsonDepthError);
    assert.equal(parseJsonText(JSON.stringify(nested(1000))), nested(1000), 'brackets in a string are text');
    assert.deepEqual(parseJsonText(`[${'[],'.repeat(1000)}"]"]`), [...Array.from({ length: 1000 }, () => []), ']']);
  });

  it('takes no time over a torn string full of quotes', () => {
    const started = cpuMs();
    assert.throws(() => parseJsonText(`{"a": NaN, "b": "${'\\"'.repeat(400_000)}`), SyntaxError);
    // Trying again behind each quote takes minutes.
    assert.ok(cpuMs() - started < 2000);
  });
});

describe('readers of a run’s files', () => {
  it('say of a document that it is nested too deep', () => {
    assert.throws(
      () => parseDocument(`{"a":${nested(1e5)}}`),
      /^FileContentError: is nested more than 64 levels deep$/,
    );
    assert.throws(() => parseDocument('{"a":'), /^FileContentError: is not JSON$/);
  });

  it('take the figures of a metrics line, however deep something else in it is', () => {
    const line = `{"event":"metrics","step":10,"time":1,"metrics":{"loss/total":NaN},"x":${nested(1e5)}}`;
    const event = ours.parseLine(line);
    assert.ok(event?.kind === 'metrics' && event.step === 10 && Number.isNaN(event.values[0]?.[1]));
    assert.ok(parseJsonOfAnyDepth(nested(1e5)));
  });
});
