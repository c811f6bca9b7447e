import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ValidationReport, Verdict } from '../../../src/core/checkpoint/report/report';
import { ValidationResults } from '../../../src/features/validate/results';

function report(checkpoint: string, verdict: Verdict): ValidationReport {
  return {
    path: checkpoint,
    level: 'structure',
    verdict,
    step: null,
    stage: null,
    layers: [],
    modulation: null,
    npRank: null,
    numRanks: null,
    files: [],
    findings: [],
    seconds: 0,
    parameters: null,
  };
}

/** An answer that comes when it is told to. */
function later<T>(): { readonly promise: Promise<T>; readonly come: (value: T) => void } {
  let come: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (come = resolve));
  return { promise, come };
}

describe('validation results', () => {
  let folder: string;
  let results: ValidationResults;
  const everything = (): boolean => true;

  function checkpoint(name: string): string {
    const at = path.join(folder, name);
    mkdirSync(at);
    writeFileSync(path.join(at, 'npt_weights.pt'), 'weights');
    return at;
  }

  const validated = (at: string, verdict: Verdict = 'valid'): Promise<ValidationReport> =>
    results.run(at, () => Promise.resolve(report(at, verdict)));

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'npt-results-'));
    results = new ValidationResults();
  });

  afterEach(() => {
    results.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it('go with a checkpoint that changed, or is gone from the model', async () => {
    const [changed, gone, same] = ['changed', 'gone', 'same'].map(checkpoint) as [string, string, string];
    for (const each of [changed, gone, same]) await validated(each);
    writeFileSync(path.join(changed, 'npt_weights.pt'), 'others, longer');
    const told: (readonly string[])[] = [];
    results.onDidChange((paths) => told.push(paths));
    await results.refresh((each) => each !== gone);
    assert.deepEqual(told.flat().sort(), [changed, gone]);
    assert.equal(results.get(same)?.verdict, 'valid');
  });

  it('are not lost when a newer one comes while the older is held to the disk', async () => {
    const at = checkpoint('a');
    await validated(at);
    writeFileSync(path.join(at, 'npt_weights.pt'), 'damaged meanwhile');
    const looking = results.refresh(everything);
    // Set before the look has an answer from the disk.
    const newer = results.run(at, () => Promise.resolve(report(at, 'invalid')));
    await Promise.all([looking, newer]);
    assert.equal(results.get(at)?.verdict, 'invalid');
    await results.refresh(everything);
    assert.equal(results.get(at)?.verdict, 'invalid', 'it is of what is there now');
  });

  it('are those of the validation that began last, whichever ended first', async () => {
    const at = checkpoint('a');
    const slow = later<ValidationReport>();
    const older = results.run(at, () => slow.promise);
    await validated(at, 'invalid');
    slow.come(report(at, 'valid'));
    assert.equal((await older).verdict, 'valid', 'who asked is answered');
    assert.equal(results.get(at)?.verdict, 'invalid');
  });

  it('are held to the disk a few at a time, each in its turn', async () => {
    const all = Array.from({ length: 60 }, (_, index) => checkpoint(String(index)));
    for (const each of all) await validated(each);
    const original = fs.promises.readdir;
    let listed = 0;
    Reflect.set(fs.promises, 'readdir', (...args: Parameters<typeof original>) => {
      listed += 1;
      return original(...args);
    });
    try {
      await results.refresh(everything);
      assert.ok(listed > 0 && listed <= 25, `${listed} folders`);
    } finally {
      Reflect.set(fs.promises, 'readdir', original);
    }
    for (const each of all) writeFileSync(path.join(each, 'npt_weights.pt'), 'changed');
    for (let look = 0; look < 3; look += 1) await results.refresh(everything);
    assert.deepEqual(
      all.filter((each) => results.get(each) !== undefined),
      [],
    );
  });
});
