import assert from 'node:assert/strict';
import { parseArguments } from '../../vscode/arguments';

describe('the arguments of the stand-in for VS Code', () => {
  it('reads what runTests passes', () => {
    const options = parseArguments([
      '/work/space',
      '--disable-extensions',
      '--user-data-dir=/data',
      '--no-sandbox',
      '--disable-workspace-trust',
      '--extensionTestsPath=/tests/index.js',
      '--extensionDevelopmentPath=/ext',
      '--extensionDevelopmentPath=/other',
    ]);
    assert.deepEqual(options, {
      extensionDevelopmentPaths: ['/ext', '/other'],
      extensionTestsPath: '/tests/index.js',
      open: '/work/space',
      userDataFolder: '/data',
      extensionsFolder: undefined,
      disableExtensions: true,
      disableWorkspaceTrust: true,
    });
  });

  it('takes values that follow a switch, and folders as URIs', () => {
    const options = parseArguments(['--extensions-dir', '/exts', '--folder-uri', 'file:///a%20b', '--log', 'trace']);
    assert.equal(options.extensionsFolder, '/exts');
    assert.equal(options.open, '/a b');
  });
});
