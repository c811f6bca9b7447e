/** Documents in every encoding that people's tools leave them in; trainer/tests/test_encodings.py runs the same cases. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { FileContentError, parseObject } from '../../../src/core/jsonText';
import { decodeText, EncodingError, Utf8Pieces } from '../../../src/core/textEncoding';
import { MetricsLog } from '../../../src/core/metrics/log';

interface Case {
  readonly name: string;
  readonly base64: string;
  readonly value?: unknown;
  readonly keys?: readonly string[];
  readonly refused?: string;
}
const { cases } = JSON.parse(readFileSync(join(__dirname, '../../fixtures/encodings/cases.json'), 'utf8')) as {
  cases: readonly Case[];
};

const MARK = '\uFEFF';
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
const ENCODINGS: readonly ((text: string) => Buffer)[] = [
  (text) => Buffer.from(text),
  (text) => Buffer.from(MARK + text),
  (text) => Buffer.from(MARK + text, 'utf16le'),
  (text) => utf16be(MARK + text),
];

describe('encodings of documents', () => {
  for (const { name, base64, value, keys, refused } of cases) {
    it(name, () => {
      const bytes = Buffer.from(base64, 'base64');
      if (refused !== undefined)
        assert.throws(
          () => parseObject(bytes),
          (error) => error instanceof FileContentError && error.message === refused,
        );
      else if (keys !== undefined) assert.deepEqual(Object.keys(parseObject(bytes)), keys);
      else assert.deepEqual(parseObject(bytes), value);
    });
  }

  it('any object comes back the same from any encoding', () => {
    const values = fc.dictionary(
      fc.string({ unit: 'grapheme' }),
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.constant(null)),
    );
    fc.assert(
      fc.property(values, fc.constantFrom(...ENCODINGS), fc.constantFrom(0, 2), (value, encode, indent) => {
        const object = JSON.parse(JSON.stringify(value)) as object;
        const read = parseObject(encode(JSON.stringify(object, null, indent)));
        assert.deepEqual({ ...read }, { ...object });
      }),
      { numRuns: 500 },
    );
  });

  it('any bytes are read, or refused in one line', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          assert.equal(typeof decodeText(bytes), 'string');
        } catch (error) {
          assert.ok(error instanceof EncodingError && !error.message.includes('\n'), String(error));
        }
        try {
          parseObject(bytes);
        } catch (error) {
          assert.ok(error instanceof FileContentError && !error.message.includes('\n'), String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('a document with one character put in its place is refused in the line where it stops being JSON, or is JSON', () => {
    const document = '{\n  "a": [1, 2.5, "x"],\n  "b": {"c": null},\n  "d": true\n}';
    fc.assert(
      fc.property(
        fc.nat(document.length - 1),
        fc.constantFrom('{', '}', '[', ']', ',', ':', '"', 'x', '1', ' ', '\n'),
        (at, put) => {
          const text = document.slice(0, at) + put + document.slice(at + 1);
          try {
            parseObject(text);
          } catch (error) {
            const line = Number(/\(line (\d+)\)/.exec(String(error))?.[1] ?? 1);
            // Of what is cut short, the last line with something in it is named.
            const damaged = text.slice(0, at).trimEnd().split('\n').length;
            assert.ok(line >= damaged, `${String(error)} of ${text}`);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('a metrics file is followed in any encoding, in pieces of any size', () => {
    const lines = [1, 2, 3].map((step) =>
      JSON.stringify({ event: 'metrics', segment: 1, step, time: step, metrics: { 'loss/naïve 🙂': step / 2 } }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...ENCODINGS),
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 4, max: 90 }),
        (encode, end, size) => {
          const bytes = encode(lines.map((line) => line + end).join(''));
          const pieces = new Utf8Pieces();
          const log = new MetricsLog();
          for (let at = 0; at < bytes.length; at += size) log.push(pieces.next(bytes.subarray(at, at + size)));
          const series = log.series.get('loss/naïve 🙂');
          assert.deepEqual(Array.from(series?.values ?? []), [0.5, 1, 1.5]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
