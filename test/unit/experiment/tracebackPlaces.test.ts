import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tracebackPlaces } from '../../../src/core/experiment/tracebackPlaces';

const LOG = `── segment 1 ──
step 10/100 loss 2.1
Traceback (most recent call last):
  File "/work/npt/loop.py", line 12, in run
    raise ValueError("x")
  File "<string>", line 1, in <module>
  File "scripts/über trainer.py", line 345
ValueError: File "no line"
`;

describe('places in code that a log names', () => {
  it('are those of tracebacks, with where their words stand', () => {
    const places = tracebackPlaces(LOG);
    assert.deepEqual(
      places.map(({ file, line, from, to }) => [file, line, LOG.slice(from, to)]),
      [
        ['/work/npt/loop.py', 12, 'File "/work/npt/loop.py", line 12'],
        ['scripts/über trainer.py', 345, 'File "scripts/über trainer.py", line 345'],
      ],
    );
  });

  it('are the last of many', () => {
    const log = Array.from({ length: 50 }, (_, index) => `  File "a.py", line ${index + 1}, in f\n`).join('');
    assert.deepEqual(
      tracebackPlaces(log, 3).map(({ line }) => line),
      [48, 49, 50],
    );
  });

  it('never lie outside of the log, whatever is in it (property)', () => {
    const words = fc.array(
      fc.oneof(fc.string(), fc.constantFrom('File "', '", line ', 'File "x.py", line 3', '\n', '0', '12', '<', '"')),
    );
    fc.assert(
      fc.property(words, (parts) => {
        const log = parts.join('');
        let before = 0;
        for (const { file, line, from, to } of tracebackPlaces(log)) {
          assert.equal(
            log.slice(from, to),
            `File "${file}", line ${log.slice(from, to).split(', line ').at(-1) ?? ''}`,
          );
          assert.ok(from >= before && to > from && to <= log.length && line > 0);
          before = to;
        }
      }),
    );
  });
});
