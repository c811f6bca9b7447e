/** The command line as it ships, in a workspace of the test's. */
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';

export const ROOT = path.resolve(__dirname, '../../..');

/** The very bundle that ships, with what it starts beside it, but among a test's own files: two test runs must not write one dist/. */
export async function bundleCli(folder: string): Promise<string> {
  const cli = path.join(folder, 'dist', 'cli.js');
  // What the command line starts lies beside dist/.
  fs.symlinkSync(path.join(ROOT, 'supervisor'), path.join(folder, 'supervisor'));
  await build({
    entryPoints: [path.join(ROOT, 'src/cli.ts')],
    outfile: cli,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
    external: ['onnxruntime-node'],
    logLevel: 'silent',
  });
  return cli;
}

/** A workspace with a training script and no runs, and the path of the bundled command line. */
export async function bundledCli(): Promise<{ readonly ws: FixtureWorkspace; readonly cli: string }> {
  const ws = new FixtureWorkspace();
  const cli = await bundleCli(ws.root);
  fs.mkdirSync(path.join(ws.root, 'scripts'));
  fs.writeFileSync(path.join(ws.root, 'scripts/train_multi_layer_npt.py'), 'from npt.main import main\n');
  return { ws, cli };
}
