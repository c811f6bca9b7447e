/** The cases that this side and the trainer's Python side share (test/fixtures/validation/README.md). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readCheckpointFacts } from '../../../src/core/checkpoint/facts';
import type { Finding, Verdict } from '../../../src/core/checkpoint/report/report';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { makePlan } from '../../../src/core/training/plan/makePlan';
import { crc32 } from '../../../src/core/torchfile/container/crc32';
import type { TorchFile } from '../../../src/core/torchfile/torchFile';
import { FIXTURES, recordsOf, Workbench } from './fixtures';

type Surgery =
  | { do: 'rename'; to: string }
  | { do: 'remove'; file: string }
  | { do: 'truncate'; file: string; keep: number }
  | { do: 'write'; file: string; text?: string; base64?: string; gzip?: string }
  | { do: 'append'; file: string; hex: string }
  | { do: 'replace'; file: string; from: string; to: string }
  | { do: 'copy'; file: string; fixture: string }
  | { do: 'flip'; file: string; record: string; at: number; bit: number }
  | { do: 'zero'; file: string; record: string; length: number }
  | { do: 'bytes'; file: string; record: string; from: string; to: string }
  | { do: 'directory'; file: string; record: string }
  | { do: 'encode'; file: string; to: 'utf-8-sig' | 'utf-16-le' | 'utf-16-be' | 'utf-32-le' }
  | { do: 'special'; file: string; kind: 'pipe' | 'folder' | 'nowhere' | 'circle' }
  | { do: 'float'; file: string; record: string; index: number; value: 'nan' | 'inf' };

interface Case {
  name: string;
  fixture: string;
  surgery: Surgery[];
  /** The files stay as young as they are, instead of an hour old. */
  fresh?: boolean;
  verdict: Verdict;
  /** Of every finding, sorted. */
  codes: string[];
}

const cases = ['cases.json', 'formats.json'].flatMap(
  (name) => (JSON.parse(readFileSync(join(FIXTURES, '../validation', name), 'utf8')) as { cases: Case[] }).cases,
);

function encoded(text: string, to: string): Buffer {
  if (to === 'utf-8-sig') return Buffer.from(text);
  const units = Buffer.from(text, 'utf16le');
  if (to === 'utf-16-le') return units;
  if (to === 'utf-16-be') return units.swap16();
  return Buffer.concat(Array.from(text, (character) => Buffer.from(Uint32Array.of(character.codePointAt(0)!).buffer)));
}

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
        writeFileSync(
          join(folder, step.file),
          step.text ??
            (step.gzip ? gunzipSync(Buffer.from(step.gzip, 'base64')) : Buffer.from(step.base64 ?? '', 'base64')),
        );
        return folder;
      case 'append':
        bench.edit(folder, step.file, (bytes) => Buffer.concat([bytes, Buffer.from(step.hex, 'hex')]));
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
      case 'encode':
        bench.edit(folder, step.file, (bytes) => encoded(`\uFEFF${bytes.toString()}`, step.to));
        return folder;
      case 'special':
        rmSync(join(folder, step.file));
        if (step.kind === 'pipe') execFileSync('mkfifo', [join(folder, step.file)]);
        else if (step.kind === 'folder') mkdirSync(join(folder, step.file));
        else symlinkSync(step.kind === 'nowhere' ? 'nowhere' : step.file, join(folder, step.file));
        return folder;
      case 'flip':
      case 'zero':
      case 'float':
      case 'bytes':
      case 'directory':
        bench.edit(folder, step.file, (bytes) => {
          const place = [...recordsOf(bytes)].find(([name]) => name.endsWith(`/${step.record}`))?.[1];
          assert.ok(place, step.record);
          const data = bytes.subarray(place.start, place.start + place.length);
          if (step.do === 'flip') data[Math.floor(step.at * data.length)]! ^= 1 << step.bit;
          else if (step.do === 'zero') data.fill(0, 0, step.length);
          else if (step.do === 'directory') bytes.writeUInt32LE(0x10, place.directoryAt + 38);
          else {
            if (step.do === 'float') data.writeFloatLE(step.value === 'nan' ? NaN : Infinity, step.index * 4);
            else {
              const at = data.indexOf(step.from, 0, 'hex');
              assert.ok(at >= 0 && step.from.length === step.to.length, step.from);
              data.write(step.to, at, 'hex');
            }
            bytes.writeUInt32LE(crc32(data), place.directoryAt + 16);
          }
          return bytes;
        });
        return folder;
    }
  }

  /** A plan says what validation says: nothing against what is valid, and never more than damage that only bytes show. */
  async function checkPlan(folder: string, { verdict, codes }: Case, findings: readonly Finding[]): Promise<void> {
    const plan = await makePlan({ kind: 'resume', checkpoint: folder, workspaceRoot: bench.root });
    const against = plan.errors.filter(({ code }) => code.startsWith('checkpoint-') || code === 'not-found');
    const said = JSON.stringify(plan.errors);
    if (verdict === 'valid') assert.deepEqual(against, [], said);
    if (verdict === 'dangerous' || verdict === 'unverifiable')
      assert.ok(against.length > 0 || codes.includes('newer-schema'));
    for (const { code, message } of findings) {
      if (!code.startsWith('optimizer-') || verdict !== 'valid') continue;
      assert.ok(
        plan.warnings.some((warning) => warning.message === message),
        `${code}: ${said}`,
      );
    }
  }

  /** Facts are the same, whether their files were read for them or for a validation before. */
  async function checkFacts(folder: string): Promise<void> {
    const opened = new Map<string, TorchFile>();
    await validateCheckpoint(folder, {
      level: 'structure',
      onTorchFile: (name, file) => {
        opened.set(name, file);
      },
    });
    assert.deepEqual(await readCheckpointFacts(folder, opened), await readCheckpointFacts(folder));
  }

  for (const item of cases) {
    it(`${item.name}: ${item.verdict}`, async () => {
      const folder = item.surgery.reduce(operate, bench.copy(item.fixture));
      bench.age(folder, item.fresh === true ? 0 : undefined);
      const { findings, verdict } = await validateCheckpoint(folder);
      const codes = new Set(findings.map(({ code }) => code));
      // Where the length says it already, the trainer does not compute the hash.
      if (codes.has('manifest-size')) codes.delete('sha256-mismatch');
      const said = JSON.stringify(findings.map(({ code, message }) => [code, message]));
      assert.deepEqual({ verdict, codes: [...codes].sort() }, { verdict: item.verdict, codes: item.codes }, said);
      await checkPlan(folder, item, findings);
      await checkFacts(folder);
    });
  }
});
