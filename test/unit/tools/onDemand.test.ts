/**
 * What a window loads when it opens, and a command when it starts, of what esbuild.mjs makes: nothing that somebody has to
 * ask for first.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { build, type Metafile } from 'esbuild';

const ROOT = path.resolve(__dirname, '../../..');

/** An entry's files as the build splits them; nothing is written. */
async function split(entry: string): Promise<Metafile['outputs']> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { entry },
    outdir: 'dist',
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['vscode', 'onnxruntime-node'],
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  return metafile.outputs;
}

/** The entry's file and those that it cannot be loaded without. */
function loadedAtOnce(outputs: Metafile['outputs']): string[] {
  const found = new Set(['dist/entry.js']);
  for (const file of found) {
    for (const imported of outputs[file]?.imports ?? []) {
      if (imported.kind === 'import-statement' && outputs[imported.path] !== undefined) found.add(imported.path);
    }
  }
  return [...found];
}

describe('what a window loads when it opens', () => {
  let outputs: Metafile['outputs'];
  let files: string[];
  before(async () => {
    outputs = await split('src/extension.ts');
    files = loadedAtOnce(outputs);
  });

  it('has nothing of what src/onDemand.ts and the reading of torch files bring', () => {
    const rooms = [
      'torchfile',
      'checkpoint/(validate|data|compare|probe|outline)',
      'training/plan/(makePlan|messages)',
    ];
    const late = new RegExp(
      `^(src/onDemand|src/core/(${rooms.join('|')}))|/render(Report|Comparison)|/arguments.json$`,
    );
    const inputs = files.flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
    assert.ok(inputs.includes('src/features/tree/index.ts'));
    assert.deepEqual(
      inputs.filter((input) => late.test(input)),
      [],
      "loaded by something that features/*/index.ts imports: load it with await import('…/onDemand') instead",
    );
  });

  it('is a few files, of less than 200 kB', () => {
    const bytes = files.reduce((sum, file) => sum + (outputs[file]?.bytes ?? 0), 0);
    assert.ok(files.length <= 6, `${files.length} files`);
    assert.ok(bytes < 200_000, `${bytes} bytes; npm run sizes says of what`);
  });
});

describe('what a command loads when it starts', () => {
  it('is, for a plan, nothing of the levels of validation above structure', async () => {
    const outputs = await split('src/cli/plan.ts');
    const inputs = loadedAtOnce(outputs).flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
    assert.ok(inputs.includes('src/core/checkpoint/validate/validate.ts'));
    assert.deepEqual(
      inputs.filter((input) =>
        /^src\/core\/checkpoint\/(probe|data)\/|validate\/(data|number|forward)Checks/.test(input),
      ),
      [],
      'validate/deepLevels.ts is to be loaded with await import(…)',
    );
  });
});

it('exports nothing that is assigned later: the files of a split bundle take over the values of exports (esbuild.mjs)', () => {
  const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  assert.ok(sources.length > 100);
  const wrong = sources.filter((name) =>
    /^export (let|var)\b/m.test(readFileSync(path.join(ROOT, 'src', name), 'utf8')),
  );
  assert.deepEqual(wrong, []);
});
