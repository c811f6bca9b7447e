import assert from 'node:assert/strict';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatProgress,
  formatValue,
} from '../../../src/core/format';

describe('figures for people', () => {
  it('writes sizes in decimal units with three digits', () => {
    const sizes: [number, string][] = [
      [0, '0 B'],
      [999, '999 B'],
      [1000, '1.00 kB'],
      [999_600, '1.00 MB'],
      [15_340_000, '15.3 MB'],
      [1.4e9, '1.40 GB'],
      [3.2e15, '3200 TB'],
    ];
    for (const [bytes, text] of sizes) assert.equal(formatBytes(bytes), text);
    assert.equal(formatBytes(NaN), '–');
  });

  it('groups counts', () => {
    const counts: [number, string][] = [
      [0, '0'],
      [-0.2, '0'],
      [999, '999'],
      [1000, '1,000'],
      [61840, '61,840'],
      [-1234567.6, '-1,234,568'],
      [1e21, '1,000,000,000,000,000,000,000'],
      [Infinity, '–'],
    ];
    for (const [count, text] of counts) assert.equal(formatCount(count), text);
  });

  it('keeps four digits of a value and never hides what is not finite', () => {
    const values: [number, string][] = [
      [2.16649, '2.166'],
      [0, '0'],
      [5e-5, '5e-5'],
      [1.25e-4, '1.25e-4'],
      [1_234_567, '1.23e6'],
      [NaN, 'NaN'],
      [-Infinity, '−∞'],
    ];
    for (const [value, text] of values) assert.equal(formatValue(value), text);
  });

  it('writes durations and ages by their two largest units', () => {
    assert.equal(formatDuration(18780), '5 h 13 m');
    assert.equal(formatDuration(59.6), '1 m 0 s');
    assert.equal(formatDuration(NaN), '–');
    assert.equal(formatAge(100, 110), 'just now');
    assert.equal(formatAge(100, 400), '5 min ago');
    assert.equal(formatAge(100, 100 + 3 * 86400), '3 d ago');
    assert.equal(formatAge(0, 3 * 86400), 'date unknown', 'where nothing on disk tells, it is not 1970');
    assert.equal(formatAge(500, 100), 'just now');
  });

  it('tells the time left once there is something to tell it from', () => {
    assert.equal(formatProgress(120e6, 600e6, 0.5), '120 MB of 600 MB');
    assert.equal(formatProgress(120e6, 600e6, 2), '120 MB of 600 MB · 8 s left');
    assert.equal(formatProgress(0, 600e6, 5), '0 B of 600 MB');
    assert.equal(formatProgress(600e6, 600e6, 5), '600 MB of 600 MB');
  });
});
