import assert from 'node:assert/strict';
import fs from 'node:fs';
import { PacedDisk } from '../../../src/core/experiment/disk';

describe('a disk that is read synchronously as long as it is fast', () => {
  const { statSync } = fs;
  afterEach(() => {
    Object.assign(fs, { statSync });
  });

  /** Asks a hundred times, where each call takes so long. */
  async function isSlowWhen(spend: () => void): Promise<boolean> {
    const disk = new PacedDisk();
    Object.assign(fs, {
      statSync: (...args: Parameters<typeof statSync>) => {
        spend();
        return statSync(...args);
      },
    });
    for (let call = 0; call < 100; call += 1) assert.ok((await disk.stat(__filename))?.isFile());
    return disk.isSlow;
  }

  it('is taken for slow where its calls wait', async () => {
    const nothing = new Int32Array(new SharedArrayBuffer(4));
    assert.ok(await isSlowWhen(() => Atomics.wait(nothing, 0, 0, 5)));
  });

  it('is not where they take long because others have the processor', async function () {
    if (process.platform !== 'linux') this.skip();
    // As a busy machine lets a thread wait: by as much as the system counts for it.
    const { readFileSync } = fs;
    let waited = 1e9;
    Object.assign(fs, {
      readFileSync: (file: string, ...rest: [BufferEncoding]) =>
        file.endsWith('schedstat') ? `5 ${waited} 7\n` : readFileSync(file, ...rest),
    });
    try {
      const nothing = new Int32Array(new SharedArrayBuffer(4));
      const wait = (counted: boolean) => (): void => {
        const began = performance.now();
        Atomics.wait(nothing, 0, 0, 5);
        if (counted) waited += (performance.now() - began) * 1e6;
      };
      assert.ok(!(await isSlowWhen(wait(true))));
      assert.ok(await isSlowWhen(wait(false)));
    } finally {
      Object.assign(fs, { readFileSync });
    }
  });
});
