/** The cases that this side and the trainer's Python side share (test/fixtures/validation/README.md). */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate';
import { crc32 } from '../../../src/core/torchfile/crc32';
import { FIXTURES, recordsOf, Workbench } from './fixtures';

type Surgery =
  | { do: 'rename'; to: string }
  | { do: 'remove'; file: string }
  | { do: 'truncate'; file: string; keep: number }
  | { do: 'write'; file: string; text: string }
  | { do: 'replace'; file: string; from: string; to: string }
  | { do: 'copy'; file: string; fixture: string }
  | { do: 'flip'; file: string; record: string; at: number; bit: number }
  | { do: 'zero'; file: string; record: string; length: number }
  | { do: 'float'; file: string; record: string; index: number; value: 'nan' | 'inf' };

interface Case {
  name: string;
  fixture: string;
  surgery: Surgery[];
  valid: boolean;
  code?: string;
}

const { cases } = JSON.parse(readFileSync(join(FIXTURES, '../validation/cases.json'), 'utf8')) as { cases: Case[] };

describe('cases shared with the trainer', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  function operate(folder: string, step: Surgery): string {
    switch (step.do) {
      case 'rename': {
        const target = join(dirname(folder), step.to);
        renameSync(folder, target);
        return target;
      }
      case 'remove':
        rmSync(join(folder, step.file));
        return folder;
      case 'write':
        writeFileSync(join(folder, step.file), step.text);
        return folder;
      case 'copy':
        cpSync(join(FIXTURES, step.fixture, step.file), join(folder, step.file));
        return folder;
      case 'truncate':
        bench.edit(folder, step.file, (bytes) => bytes.subarray(0, Math.floor(bytes.length * step.keep)));
        return folder;
      case 'replace':
        bench.edit(folder, step.file, (bytes) => {
          assert.ok(bytes.includes(step.from));
          return bytes.toString().replace(step.from, step.to);
        });
        return folder;
      case 'flip':
      case 'zero':
      case 'float':
        bench.edit(folder, step.file, (bytes) => {
          const place = [...recordsOf(bytes)].find(([name]) => name.endsWith(`/${step.record}`))?.[1];
          assert.ok(place, step.record);
          const data = bytes.subarray(place.start, place.start + place.length);
          if (step.do === 'flip') data[Math.floor(step.at * data.length)]! ^= 1 << step.bit;
          else if (step.do === 'zero') data.fill(0, 0, step.length);
          else {
            data.writeFloatLE(step.value === 'nan' ? NaN : Infinity, step.index * 4);
            bytes.writeUInt32LE(crc32(data), place.directoryAt + 16);
          }
          return bytes;
        });
        return folder;
    }
  }

  for (const item of cases) {
    it(`${item.name}: ${item.valid ? 'valid' : 'not valid'}`, async () => {
      const folder = item.surgery.reduce(operate, bench.copy(item.fixture));
      bench.age(folder);
      const report = await validateCheckpoint(folder);
      const said = JSON.stringify(report.findings.map(({ code, message }) => [code, message]));
      assert.equal(report.verdict === 'valid', item.valid, said);
      if (item.code !== undefined)
        assert.ok(
          report.findings.some(({ code, severity }) => code === item.code && severity === 'error'),
          said,
        );
    });
  }
});
