import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseTorchPageMessage } from '../../../src/protocol/torchFile';

describe('messages from the page of a torch file', () => {
  it('are taken when they are what they should be', () => {
    for (const message of [
      { type: 'ready' },
      { type: 'verify' },
      { type: 'summarize', generation: 3, tensors: [0, 7, 2] },
      { type: 'cancel', task: 'statistics' },
      { type: 'cancel', task: 'checksums' },
      { type: 'report', message: 'it broke' },
    ])
      assert.deepEqual(parseTorchPageMessage({ ...message, extra: 1 }), message);
  });

  it('are refused otherwise', () => {
    for (const message of [
      null,
      'ready',
      [],
      { type: 'outline' },
      { type: 'summarize', generation: 1, tensors: 'all' },
      { type: 'summarize', generation: 1, tensors: [-1] },
      { type: 'summarize', generation: 1, tensors: [0.5] },
      { type: 'summarize', generation: NaN, tensors: [1] },
      { type: 'summarize', generation: 1, tensors: Array.from({ length: 100_001 }, () => 0) },
      { type: 'cancel', task: 'everything' },
      { type: 'report', message: { toString: 'no' } },
    ])
      assert.equal(parseTorchPageMessage(message), undefined);
  });

  it('never throw, whatever comes', () => {
    fc.assert(
      fc.property(fc.anything(), (raw) => {
        parseTorchPageMessage(raw);
      }),
    );
  });
});
