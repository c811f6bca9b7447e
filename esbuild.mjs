// Builds the bundles: the extension host's, its worker's, the pages' and the CLI's.
// node esbuild.mjs [--watch] [--production]
import { context, build } from 'esbuild';
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { notices, packagesOf } from './tools/notices.mjs';

const watch = process.argv.includes('--watch');
const production = process.argv.includes('--production');
if (production) rmSync('dist', { recursive: true, force: true });

/** @type {import('esbuild').BuildOptions} */
const common = {
  bundle: true,
  sourcemap: production ? false : 'linked',
  minify: production,
  logLevel: 'info',
  legalComments: 'none',
};

/** Node bundles: the oldest supported VS Code (1.100) runs extensions on Node 20. */
const node = {
  ...common,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Native, and loaded only when a probe runs: its absence turns the probe off, nothing else.
  external: ['vscode', 'onnxruntime-node'],
};

const bundles = [
  { ...node, entryPoints: ['src/extension.ts'], outfile: 'dist/extension.js' },
  { ...node, entryPoints: ['src/cli.ts'], outfile: 'dist/cli.js', banner: { js: '#!/usr/bin/env node' } },
  { ...node, entryPoints: ['src/core/checkpoint/worker.ts'], outfile: 'dist/checkpoint-worker.js' },
  { ...node, entryPoints: ['src/core/checkpoint/dataReader.ts'], outfile: 'dist/data-reader.js' },
  {
    ...common,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    entryPoints: {
      dashboard: 'webview/dashboard/main.ts',
      probe: 'webview/probe/main.ts',
      torchfile: 'webview/torchfile/main.ts',
    },
    outdir: 'dist/webview',
    loader: { '.svg': 'text' },
  },
];

/** The icons' font: the page may load fonts only from the extension's own folder (its CSP says so). */
mkdirSync('dist/webview', { recursive: true });
for (const file of ['codicon.ttf', 'codicon.css']) {
  copyFileSync(path.join('node_modules/@vscode/codicons/dist', file), path.join('dist/webview', file));
}

/**
 * ONNX Runtime beside the bundles, where a package has no node_modules: its JavaScript, and this platform's binary alone
 * (45 MB of 291). Where there is no build for this platform, the probe is off.
 */
function shipRuntime() {
  const binary = path.join('bin/napi-v6', process.platform, process.arch);
  if (!existsSync(path.join('node_modules/onnxruntime-node', binary))) return;
  const parts = {
    'onnxruntime-node': ['package.json', 'dist', binary],
    'onnxruntime-common': ['package.json', 'dist/cjs'],
  };
  for (const [name, paths] of Object.entries(parts)) {
    for (const part of paths) {
      cpSync(path.join('node_modules', name, part), path.join('dist/node_modules', name, part), {
        recursive: true,
        filter: (from) => !/\.(d\.ts|map)$/.test(from),
      });
    }
  }
}
if (production) shipRuntime();

if (watch) {
  for (const bundle of bundles) await (await context(bundle)).watch();
} else {
  const results = await Promise.all(bundles.map((bundle) => build({ ...bundle, metafile: true })));
  if (production) {
    const bundled = packagesOf(results.flatMap((result) => Object.keys(result.metafile.inputs)));
    const copied = [
      '@vscode/codicons',
      ...(existsSync('dist/node_modules') ? ['onnxruntime-common', 'onnxruntime-node'] : []),
    ];
    writeFileSync('dist/THIRD_PARTY_NOTICES.txt', notices('node_modules', [...bundled, ...copied]));
  }
}
