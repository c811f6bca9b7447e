import assert from 'node:assert/strict';
import { notices, packagesOf } from '../../../tools/notices.mjs';

describe('third-party notices', () => {
  it('finds the packages behind a bundle, scoped and nested ones too', () => {
    const inputs = [
      'src/extension.ts',
      'node_modules/chokidar/index.js',
      'node_modules/chokidar/handler.js',
      'node_modules/@microsoft/fast-element/dist/esm/index.js',
      'node_modules/chokidar/node_modules/readdirp/index.js',
    ];
    assert.deepEqual(packagesOf(inputs), ['@microsoft/fast-element', 'chokidar', 'readdirp']);
  });

  it('carries the licence text of each, and says where it has none', () => {
    const text = notices('node_modules', ['uplot', 'onnxruntime-node']);
    assert.match(text, /^uplot \d/m);
    assert.match(text, /Permission is hereby granted/);
    assert.match(
      text,
      /onnxruntime-node [\d.]+ \(MIT\)\n\nThe package carries no licence text; its source is .*onnxruntime/,
    );
  });
});
