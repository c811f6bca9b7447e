// Builds the bundles: the extension host's, its worker's, the pages' and the CLI's.
// node esbuild.mjs [--watch] [--production] [--sizes]
import { context, build, transform } from 'esbuild';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { notices, packagesOf } from './tools/notices.mjs';
import { sizes } from './tools/sizes.mjs';

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

/**
 * Built-in modules that not every start needs, loaded when something of theirs is first used: together they take a fifth
 * of the time in which the command line starts.
 */
const LATE_BUILTINS = ['node:child_process', 'node:crypto', 'node:fs/promises', 'node:worker_threads', 'node:zlib'];

/** @type {import('esbuild').Plugin} */
const lateBuiltins = {
  name: 'late-builtins',
  setup(build) {
    const names = createRequire(import.meta.url);
    build.onResolve({ filter: /^node:/ }, ({ path: module, namespace }) =>
      LATE_BUILTINS.includes(module) && namespace !== 'late' ? { path: module, namespace: 'late' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'late' }, ({ path: module }) => ({
      contents: [
        'let loaded;',
        `const load = () => loaded ??= require(${JSON.stringify(module)});`,
        ...Object.keys(names(module)).map((name) => `exports.${name} = undefined;`),
        'for (const name of Object.keys(exports)) {',
        '  Object.defineProperty(exports, name, { enumerable: true, get: () => load()[name] });',
        '}',
      ].join('\n'),
      loader: 'js',
    }));
  },
};

/**
 * One copy of the names of VS Code's API. Without it each file that imports them gets its own, of all 500 or so, which was a
 * third of the time in which the extension loaded.
 * @type {import('esbuild').Plugin}
 */
const oneVscode = {
  name: 'one-vscode',
  setup(build) {
    const types = readFileSync('node_modules/@types/vscode/index.d.ts', 'utf8');
    const names = [...types.matchAll(/^\texport (?:abstract )?(?:class|const|enum|function|namespace) (\w+)/gm)];
    build.onResolve({ filter: /^vscode$/ }, ({ path: module, namespace }) =>
      namespace === 'one' ? { path: module, external: true } : { path: module, namespace: 'one' },
    );
    build.onLoad({ filter: /.*/, namespace: 'one' }, () => ({
      contents: [
        "const api = require('vscode');",
        'const named = (name) => api[name];',
        // Marked, so that those which nobody uses are left out.
        ...names.map(([, name]) => `export const ${name} = /* @__PURE__ */ named('${name}');`),
      ].join('\n'),
      loader: 'js',
    }));
  },
};

/** Node bundles: the oldest supported VS Code (1.100) runs extensions on Node 20. */
const node = {
  ...common,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Native, and loaded only when a probe runs: its absence turns the probe off, nothing else.
  external: ['onnxruntime-node'],
  // jsonc-parser's other form finds its own files when it runs, which a bundle does not have.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  plugins: [lateBuiltins, oneVscode],
};

/**
 * What is loaded with `await import(…)` gets a file of its own beside the entry's, and so does what such files share: the
 * entry then loads without them. esbuild splits ECMAScript modules only, and Node loads CommonJS sooner, so each file is
 * translated when it is written.
 * @param {string} entry @param {string} name of the entry's file, and what the others' begin with
 * @returns {import('esbuild').BuildOptions}
 */
function split(entry, name) {
  /** @type {import('esbuild').Plugin} */
  const asCommonJs = {
    name: 'as-common-js',
    setup(build) {
      build.onEnd(async ({ outputFiles = [], metafile }) => {
        const { sourcemap, minify, target } = build.initialOptions;
        for (const { path: file, text } of outputFiles) {
          const options = { format: 'cjs', platform: 'node', target, minify, sourcemap, legalComments: 'none' };
          // As require(): Node's loader of ECMAScript modules would have to start for import().
          const translated = await transform(text, { ...options, supported: { 'dynamic-import': false } });
          // Its exports are getters, which are asked at every call from another file: 4 % of reading metrics. Nothing here
          // exports what is assigned later (test/unit/tools/onDemand.test.ts), so their values will do.
          const code = `${translated.code}module.exports={...module.exports};\n`;
          writeFileSync(file, code);
          const output = metafile?.outputs[path.relative('.', file)];
          if (output) output.bytes = Buffer.byteLength(code);
        }
      });
    },
  };
  return {
    ...node,
    entryPoints: { [name]: entry },
    format: 'esm',
    splitting: true,
    outdir: 'dist',
    chunkNames: `${name}-[name]-[hash]`,
    sourcemap: production ? false : 'inline',
    write: false,
    plugins: [...node.plugins, asCommonJs],
  };
}

/** src/cli.ts loads its commands from bundles beside its own. @type {import('esbuild').Plugin} */
const commandsApart = {
  name: 'commands-apart',
  setup(build) {
    build.onResolve({ filter: /^\.\/cli\// }, ({ path: module, kind }) =>
      kind === 'dynamic-import' ? { path: `./cli-${path.basename(module)}.js`, external: true } : undefined,
    );
  },
};

const commands = [...readFileSync('src/cli.ts', 'utf8').matchAll(/import\('\.\/cli\/(\w+)'\)/g)].map(
  ([, name]) => name,
);

// The names of such files change with what is in them.
mkdirSync('dist', { recursive: true });
for (const file of readdirSync('dist')) if (/^(cli|extension)-.*\.js/.test(file)) rmSync(path.join('dist', file));

const bundles = [
  split('src/extension.ts', 'extension'),
  {
    ...node,
    entryPoints: ['src/cli.ts'],
    outfile: 'dist/cli.js',
    plugins: [...node.plugins, commandsApart],
    supported: { 'dynamic-import': false },
  },
  ...commands.map((name) => split(`src/cli/${name}.ts`, `cli-${name}`)),
  { ...node, entryPoints: ['src/core/checkpoint/worker/worker.ts'], outfile: 'dist/checkpoint-worker.js' },
  { ...node, entryPoints: ['src/core/checkpoint/data/dataReader.ts'], outfile: 'dist/data-reader.js' },
  { ...node, entryPoints: ['src/core/experiment/lookAheadProcess.ts'], outfile: 'dist/look-ahead.js' },
  {
    ...common,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    entryPoints: {
      dashboard: 'webview/dashboard/main.ts',
      lineage: 'webview/lineage/main.ts',
      probe: 'webview/probe/main.ts',
      runsTable: 'webview/runsTable/main.ts',
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
  if (process.argv.includes('--sizes')) console.log(sizes(results.map((result) => result.metafile)));
  if (production) {
    const bundled = packagesOf(results.flatMap((result) => Object.keys(result.metafile.inputs)));
    const copied = [
      '@vscode/codicons',
      ...(existsSync('dist/node_modules') ? ['onnxruntime-common', 'onnxruntime-node'] : []),
    ];
    writeFileSync('dist/THIRD_PARTY_NOTICES.txt', notices('node_modules', [...bundled, ...copied]));
  }
}
