/** What validation says of good checkpoints of every layout, and of each way they can be damaged. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { canonicalJson, manifestHash } from '../../../src/core/checkpoint/layouts/manifest';
import type { Level, ValidationReport } from '../../../src/core/checkpoint/report/report';
import { CheckpointPathError } from '../../../src/core/checkpoint/pathErrors';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { crc32ByTable } from '../../../src/core/torchfile/container/crc32';
import { CHECKPOINTS, recordsOf, Workbench } from './fixtures';

const WEIGHTS = 'npt_weights.pt';
const STATE = 'training_state.pt';
const MULTI = 'multi_layer_state.pt';

describe('validateCheckpoint', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  const codes = (report: ValidationReport): string[] => report.findings.map((finding) => finding.code);
  const message = (report: ValidationReport, code: string): string =>
    report.findings.find((finding) => finding.code === code)?.message ?? '';

  /** Makes the manifest true again after an edit, so that a test sees what is wrong besides. */
  function sign(folder: string): void {
    const path = join(folder, 'manifest.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    delete manifest['files'];
    manifest['files'] = Object.fromEntries([WEIGHTS, STATE, MULTI, 'config.json'].map((name) => [name, {}]));
    manifest['sha256'] = manifestHash(manifest);
    writeFileSync(path, JSON.stringify(manifest));
    bench.age(folder);
  }

  /** Replaces bytes of a record and its CRC, so that only the values have changed. */
  function patchRecord(folder: string, file: string, record: string, change: (data: Buffer) => void): void {
    bench.edit(folder, file, (bytes) => {
      const place = [...recordsOf(bytes)].find(([name]) => name.endsWith(record))?.[1];
      assert.ok(place, `${record} in ${file}`);
      const data = bytes.subarray(place.start, place.start + place.length);
      change(data);
      bytes.writeUInt32LE(crc32ByTable(data), place.directoryAt + 16);
      return bytes;
    });
  }

  /** Replaces text of the same length in a file's data.pkl, and its CRC. */
  function patchPickle(folder: string, file: string, from: string, to: string): void {
    assert.equal(from.length, to.length);
    patchRecord(folder, file, '/data.pkl', (data) => {
      const at = data.indexOf(from, 0, 'latin1');
      assert.ok(at >= 0, `${from} in ${file}`);
      data.write(to, at, 'latin1');
    });
  }

  describe('good checkpoints', () => {
    for (const [name, fixture] of Object.entries(CHECKPOINTS)) {
      for (const level of ['files', 'structure', 'checksums', 'numbers', 'forward'] as const) {
        it(`${name} is valid at level ${level}`, async () => {
          const report = await validateCheckpoint(bench.copy(fixture), { level });
          assert.equal(report.verdict, 'valid', JSON.stringify(report.findings));
          assert.equal(
            report.findings.filter((finding) => finding.severity !== 'info').length,
            0,
            JSON.stringify(report.findings),
          );
          assert.equal(report.probe !== undefined, level === 'forward');
        });
      }
    }

    it('tells the facts of ours', async () => {
      const report = await validateCheckpoint(bench.copy(CHECKPOINTS.oursTriple));
      assert.equal(report.step, 60);
      assert.equal(report.stage, 'student');
      assert.deepEqual(report.layers, [0, 3]);
      assert.equal(report.modulation, 'triple');
      assert.equal(report.npRank, 2);
      assert.equal(report.numRanks, 3);
      assert.equal(report.parameters, 2592);
      assert.deepEqual(report.findings, []);
      assert.deepEqual(
        report.files.map((file) => [file.name, file.format]),
        [
          [WEIGHTS, 'torch zip'],
          [STATE, 'torch zip'],
          [MULTI, 'torch zip'],
          ['config.json', 'json'],
          ['manifest.json', 'json'],
        ],
      );
    });

    it('computes the stage from the step where another trainer stored the old one', async () => {
      const report = await validateCheckpoint(bench.copy(CHECKPOINTS.fieldBoundary));
      assert.equal(report.stage, 'mixed');
      assert.deepEqual(codes(report), ['stage-boundary', 'other-trainer']);
    });

    it('takes final/ and best/ without a step in their names', async () => {
      for (const name of ['final', 'best']) {
        const report = await validateCheckpoint(bench.copy(CHECKPOINTS.oursDual, name));
        assert.equal(report.verdict, 'valid');
        assert.equal(report.step, 30);
      }
    });
  });

  describe('level files', () => {
    for (const file of [WEIGHTS, STATE, MULTI, 'config.json', 'manifest.json']) {
      it(`misses ${file}`, async () => {
        const folder = bench.copy(CHECKPOINTS.oursDual);
        rmSync(join(folder, file));
        for (const level of ['files', 'numbers'] as const) {
          const report = await validateCheckpoint(folder, { level });
          // Without a manifest only the training state's schema says that there must be one.
          assert.equal(report.verdict, 'incomplete', level + JSON.stringify(report.findings));
          assert.deepEqual([report.findings[0]?.code, report.findings[0]?.file], ['missing-file', file]);
        }
      });

      it(`sees that ${file} is empty`, async () => {
        const folder = bench.copy(CHECKPOINTS.oursDual);
        bench.edit(folder, file, () => '');
        const report = await validateCheckpoint(folder, { level: 'files' });
        assert.equal(report.verdict, 'invalid');
        assert.ok(report.findings.some((finding) => finding.file === file));
      });
    }

    it('says that another trainer’s checkpoint without config.json is being written, or was left unfinished', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      rmSync(join(folder, 'config.json'));
      bench.age(folder, 5);
      truncateSync(join(folder, MULTI), 100);
      const young = await validateCheckpoint(folder);
      assert.equal(young.verdict, 'incomplete');
      assert.deepEqual(codes(young), ['being-written']);
      const whole = bench.copy(CHECKPOINTS.field);
      rmSync(join(whole, 'config.json'));
      const old = await validateCheckpoint(whole);
      assert.equal(old.verdict, 'incomplete');
      assert.deepEqual(codes(old), ['missing-file']);
    });

    it('does not call a short file damaged that another trainer touched moments ago', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      bench.edit(folder, STATE, (bytes) => bytes.subarray(0, 5000));
      assert.equal((await validateCheckpoint(folder)).verdict, 'invalid');
      bench.age(folder, 3);
      const young = await validateCheckpoint(folder);
      assert.equal(young.verdict, 'incomplete');
      assert.deepEqual(codes(young).slice(0, 1), ['being-written']);
    });

    it('knows folders that are being written and deleted', async () => {
      for (const [name, code] of [
        ['.tmp-checkpoint-30-host-123', 'being-written'],
        ['.del-checkpoint-30', 'being-deleted'],
      ] as const) {
        const folder = bench.copy(CHECKPOINTS.oursDual, name);
        rmSync(join(folder, 'manifest.json'));
        const report = await validateCheckpoint(folder);
        assert.equal(report.verdict, 'incomplete');
        assert.deepEqual(codes(report), [code]);
      }
    });

    it('tells a run, an empty folder and another folder apart', async () => {
      const run = dirname(dirname(bench.copy(CHECKPOINTS.field, 'run/checkpoints/checkpoint-24000')));
      assert.deepEqual(codes(await validateCheckpoint(run)), ['not-a-checkpoint']);
      const empty = join(bench.root, 'empty');
      mkdirSync(empty);
      assert.deepEqual(codes(await validateCheckpoint(empty)), ['missing-file']);
      writeFileSync(join(empty, 'notes.txt'), 'x');
      const other = await validateCheckpoint(empty);
      assert.equal(other.verdict, 'unverifiable');
      assert.deepEqual(codes(other), ['not-a-checkpoint']);
    });

    it('refuses a path that leads nowhere in one line', async () => {
      await assert.rejects(validateCheckpoint(join(bench.root, 'no-such-thing')), (error: unknown) => {
        assert.ok(error instanceof CheckpointPathError);
        assert.match(error.message, /no-such-thing does not exist\.$/);
        return true;
      });
    });
  });

  describe('level structure', () => {
    async function structure(folder: string, level: Level = 'structure'): Promise<ValidationReport> {
      const report = await validateCheckpoint(folder, { level });
      assert.equal(report.verdict, 'invalid', JSON.stringify(report.findings));
      return report;
    }

    for (const keep of [0.2, 0.5, 0.9, 0.999]) {
      it(`sees that a file was cut to ${keep * 100} %`, async () => {
        const folder = bench.copy(CHECKPOINTS.field);
        bench.edit(folder, STATE, (bytes) => bytes.subarray(0, Math.floor(bytes.length * keep)));
        assert.ok(codes(await structure(folder)).includes('truncated'));
      });
    }

    it('sees a folder that is named for another step', async () => {
      const folder = bench.copy(CHECKPOINTS.oursDual, 'checkpoint-31');
      const report = await structure(folder);
      assert.deepEqual(codes(report), ['step-folder']);
      assert.equal(report.step, 30);
    });

    it('sees files of two checkpoints in one folder', async () => {
      const folder = bench.copy(CHECKPOINTS.oursDual);
      const other = bench.copy(CHECKPOINTS.oursTriple);
      bench.edit(folder, WEIGHTS, () => readFileSync(join(other, WEIGHTS)));
      const report = await structure(folder);
      for (const code of ['manifest-size', 'layer-missing', 'optimizer-mismatch'])
        assert.ok(codes(report).includes(code), code);
      assert.match(message(report, 'layer-missing'), /layer 1, 2/);
    });

    it('sees a manifest of another step, and one that was edited', async () => {
      const folder = bench.copy(CHECKPOINTS.oursDual);
      bench.edit(folder, 'manifest.json', (bytes) => bytes.toString().replace('"step": 30', '"step": 29'));
      assert.deepEqual(codes(await structure(folder)).sort(), ['manifest-changed', 'step-manifest']);
    });

    it('sees a manifest that is no manifest, or leaves files out', async () => {
      for (const text of ['{"schema": 1, ', '[]']) {
        const folder = bench.copy(CHECKPOINTS.oursDual);
        bench.edit(folder, 'manifest.json', () => text);
        assert.deepEqual(codes(await structure(folder)), ['manifest-unreadable']);
      }
      const folder = bench.copy(CHECKPOINTS.oursDual);
      bench.edit(folder, 'manifest.json', () =>
        JSON.stringify({ schema: 1, step: 30, stage: 'mixed', files: { [WEIGHTS]: {} } }),
      );
      const report = await structure(folder);
      assert.deepEqual(codes(report), ['manifest-incomplete']);
      assert.match(message(report, 'manifest-incomplete'), /training_state\.pt, multi_layer_state\.pt/);
    });

    it('refuses a newer schema in one line', async () => {
      const folder = bench.copy(CHECKPOINTS.oursDual);
      bench.edit(folder, 'manifest.json', (bytes) => bytes.toString().replace('"schema": 1', '"schema": 2'));
      const report = await validateCheckpoint(folder);
      assert.equal(report.verdict, 'unverifiable');
      assert.match(message(report, 'newer-schema'), /schema 2; this version reads up to 1/);
    });

    it('sees a missing key', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      patchPickle(folder, STATE, 'scheduler_state_dict', 'scheduler_state_dicT');
      const report = await structure(folder);
      assert.deepEqual(codes(report), ['missing-key']);
      assert.match(message(report, 'missing-key'), /scheduler_state_dict/);
    });

    it('sees a tensor of the wrong shape and names both shapes', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      // (16, 4) with strides (4, 1) becomes (4, 16): the same bytes, another matrix.
      patchPickle(folder, WEIGHTS, 'K\x00K\x10K\x04\x86', 'K\x00K\x04K\x10\x86');
      const report = await structure(folder);
      assert.match(message(report, 'weight-shape') + message(report, 'pickle-malformed'), /\(4, 16\)/);
    });

    it('sees a layer without a matrix', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      patchPickle(folder, WEIGHTS, 'layer_14_np.W_a_up', 'layer_14_np.W_x_up');
      const report = await structure(folder);
      assert.match(message(report, 'missing-weight'), /layer_14_np\.W_a_up/);
      assert.match(message(report, 'unknown-weight'), /layer_14_np\.W_x_up/);
    });

    it('sees that a layer is missing, and warns of one too many', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      patchPickle(folder, MULTI, 'K\rK\x0eK\x0f', 'K\rK\x0eK\x10');
      const report = await structure(folder);
      assert.match(message(report, 'layer-missing'), /layer 16/);
      assert.match(message(report, 'layer-extra'), /layer 15/);
    });

    it('sees a broken curriculum', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      patchPickle(folder, MULTI, 'teacher', 'teached');
      const report = await structure(folder);
      assert.deepEqual(codes(report).slice(0, 1), ['curriculum-malformed']);
      assert.equal(report.stage, 'mixed');
    });

    it('takes a wrong stage index seriously in ours, mildly in others', async () => {
      const ours = bench.copy(CHECKPOINTS.oursDual);
      patchRecord(ours, MULTI, '/data.pkl', (data) => {
        const at = data.indexOf('current_stage_index') + 'current_stage_index'.length;
        const value = data.indexOf('K\x01', at, 'latin1');
        data[value + 1] = 2;
      });
      sign(ours);
      assert.deepEqual(codes(await structure(ours)), ['stage-mismatch']);
      const field = bench.copy(CHECKPOINTS.field);
      patchRecord(field, MULTI, '/data.pkl', (data) => {
        const at = data.indexOf('current_stage_index') + 'current_stage_index'.length;
        data[data.indexOf('K\x01', at, 'latin1') + 1] = 2;
      });
      const report = await validateCheckpoint(field);
      assert.equal(report.verdict, 'valid');
      assert.equal(report.findings[0]?.severity, 'warning');
      assert.equal(report.findings[0].code, 'stage-mismatch');
    });

    it('sees unreadable configurations', async () => {
      for (const text of ['{"a": ', '[1]', 'null', '', `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`]) {
        const folder = bench.copy(CHECKPOINTS.field);
        bench.edit(folder, 'config.json', () => text);
        assert.deepEqual(codes(await structure(folder)), ['config-unreadable']);
      }
      const python = bench.copy(CHECKPOINTS.field);
      bench.edit(python, 'config.json', () => '{"best": NaN, "worst": -Infinity, "text": "NaN"}');
      assert.equal((await validateCheckpoint(python)).verdict, 'valid');
    });

    it('warns where our configuration says another rank', async () => {
      const folder = bench.copy(CHECKPOINTS.oursDual);
      bench.edit(folder, 'config.json', (bytes) => bytes.toString().replace('"np_rank": 4', '"np_rank": 8'));
      sign(folder);
      const report = await validateCheckpoint(folder);
      assert.equal(report.verdict, 'valid');
      assert.match(message(report, 'config-mismatch'), /np_rank is 8 there and 4 in the tensors/);
    });
  });

  describe('level checksums', () => {
    it('names the tensor whose bytes have changed', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      bench.edit(folder, WEIGHTS, (bytes) => {
        const place = recordsOf(bytes).get('npt_weights/data/4');
        assert.ok(place);
        bytes[place.start + 13]! ^= 0x10;
        return bytes;
      });
      assert.equal((await validateCheckpoint(folder, { level: 'structure' })).verdict, 'valid');
      const report = await validateCheckpoint(folder, { level: 'checksums' });
      assert.equal(report.verdict, 'invalid');
      assert.deepEqual(codes(report).slice(0, 1), ['checksum-mismatch']);
      assert.match(message(report, 'checksum-mismatch'), /"layer_14_np\.W_a_up"/);
    });

    it('names the optimizer’s tensor', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      bench.edit(folder, STATE, (bytes) => {
        const place = recordsOf(bytes).get('training_state/data/1');
        assert.ok(place);
        bytes.fill(0, place.start, place.start + place.length);
        return bytes;
      });
      assert.match(
        message(await validateCheckpoint(folder), 'checksum-mismatch'),
        /"optimizer_state_dict\.state\.0\.exp_avg"/,
      );
    });

    it('sees a change that no record holds by the manifest’s sha256', async () => {
      const folder = bench.copy(CHECKPOINTS.oursDual);
      bench.edit(folder, WEIGHTS, (bytes) => {
        const place = recordsOf(bytes).get('npt_weights/data.pkl');
        assert.ok(place);
        bytes[place.start - 3]! ^= 1; // padding in front of the data
        return bytes;
      });
      const report = await validateCheckpoint(folder);
      assert.deepEqual(codes(report), ['sha256-mismatch']);
      assert.equal(report.verdict, 'invalid');
    });

    it('sees an edited config.json by the manifest’s sha256', async () => {
      const folder = bench.copy(CHECKPOINTS.oursDual);
      bench.edit(folder, 'config.json', (bytes) => bytes.toString().replace('"max_steps": 90', '"max_steps": 91'));
      assert.equal((await validateCheckpoint(folder, { level: 'structure' })).verdict, 'valid');
      const report = await validateCheckpoint(folder);
      assert.equal(report.verdict, 'invalid');
      assert.deepEqual(codes(report), ['sha256-mismatch']);
      assert.equal(report.findings[0]?.file, 'config.json');
    });

    it('takes zero checksums everywhere for none at all', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      bench.edit(folder, WEIGHTS, (bytes) => {
        for (const { directoryAt } of recordsOf(bytes).values()) bytes.writeUInt32LE(0, directoryAt + 16);
        return bytes;
      });
      const report = await validateCheckpoint(folder);
      assert.equal(report.verdict, 'valid');
      assert.ok(codes(report).includes('no-checksums'));
    });
  });

  describe('level numbers', () => {
    const floats = (data: Buffer): Float32Array =>
      new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
    const put = (data: Buffer, values: Float32Array): void => {
      data.set(new Uint8Array(values.buffer));
    };

    it('names tensor, count and first index of what is not finite', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      patchRecord(folder, WEIGHTS, '/data/4', (data) => {
        const values = floats(data);
        values[19] = NaN;
        values[40] = Infinity;
        put(data, values);
      });
      assert.equal((await validateCheckpoint(folder, { level: 'checksums' })).verdict, 'valid');
      const report = await validateCheckpoint(folder);
      assert.equal(report.verdict, 'invalid');
      // W_a_up is (4, 16): element 19 is [1, 3].
      assert.match(
        message(report, 'non-finite'),
        /"layer_14_np\.W_a_up" has 2 values that are not finite \(the first: NaN at \[1, 3\]\)/,
      );
    });

    it('sees infinities in the optimizer', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      patchRecord(folder, STATE, '/data/2', (data) => {
        const values = floats(data);
        values[0] = -Infinity;
        put(data, values);
      });
      const report = await validateCheckpoint(folder);
      assert.equal(report.verdict, 'invalid');
      assert.match(
        message(report, 'non-finite'),
        /"optimizer_state_dict\.state\.0\.exp_avg_sq" .*-infinity at \[0, 0\]/,
      );
    });

    it('warns of matrices that are zero or enormous', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      patchRecord(folder, WEIGHTS, '/data/0', (data) => data.fill(0));
      patchRecord(folder, WEIGHTS, '/data/1', (data) => {
        put(
          data,
          floats(data).map((value) => value * 1e7),
        );
      });
      const report = await validateCheckpoint(folder);
      assert.equal(report.verdict, 'valid');
      assert.match(message(report, 'zero-tensor'), /"layer_13_np\.W_down"/);
      assert.match(message(report, 'huge-values'), /"layer_13_np\.W_a_up"/);
    });
  });

  describe('while it runs', () => {
    it('tells progress and stops when cancelled', async () => {
      const folder = bench.copy(CHECKPOINTS.oursTriple);
      const told: [number, number][] = [];
      await validateCheckpoint(folder, { onProgress: (done, total) => told.push([done, total]) });
      const last = told.at(-1);
      assert.ok(last && last[0] === last[1] && last[1] > 0);
      const controller = new AbortController();
      controller.abort(new Error('enough'));
      await assert.rejects(validateCheckpoint(folder, { signal: controller.signal }), /enough/);
      const late = new AbortController();
      await assert.rejects(
        validateCheckpoint(folder, {
          signal: late.signal,
          onProgress: () => {
            late.abort(new Error('in the middle'));
          },
        }),
        /in the middle/,
      );
    });

    it('does not call a checkpoint damaged that changes under its hands', async () => {
      const folder = bench.copy(CHECKPOINTS.field);
      const report = await validateCheckpoint(folder, {
        onProgress: () => {
          renameSync(join(folder, STATE), join(folder, 'gone'));
          renameSync(join(folder, 'gone'), join(folder, STATE));
          writeFileSync(join(folder, STATE), 'half');
        },
      });
      assert.equal(report.verdict, 'incomplete');
      assert.ok(codes(report).includes('being-written'));
    });

    for (const [how, blocking] of [
      ['where the thread may wait', true],
      ['where it may not', false],
    ] as const) {
      it(`says of a checkpoint that is deleted while it is read that it is gone, and nothing else of it (${how})`, async () => {
        const folder = bench.copy(CHECKPOINTS.oursDual);
        let read = 0;
        const validating = validateCheckpoint(folder, {
          blocking,
          onTorchFile: () => {
            read += 1;
            if (read === 1) renameSync(folder, join(dirname(folder), `.del-${basename(folder)}`));
          },
        });
        await assert.rejects(validating, (error: unknown) => {
          assert.ok(error instanceof CheckpointPathError, String(error));
          assert.equal(error.message, `${folder} was deleted or moved while it was read.`);
          return true;
        });
      });
    }

    it('finds nothing missing in a checkpoint that came back while it was read', async () => {
      const folder = bench.copy(CHECKPOINTS.oursDual);
      // A deletion that took only a name, and gave it back: what was away at the first look is there at the last.
      renameSync(join(folder, MULTI), join(folder, 'away'));
      const report = await validateCheckpoint(folder, {
        onTorchFile: (name) => {
          if (name === STATE) renameSync(join(folder, 'away'), join(folder, MULTI));
        },
      });
      assert.ok(!codes(report).includes('missing-file'), JSON.stringify(report.findings));
      assert.ok(codes(report).includes('being-written'));
    });
  });
});

describe('canonical JSON (RFC 8785)', () => {
  it('sorts keys by UTF-16 code units and writes numbers as ECMAScript does', () => {
    assert.equal(
      canonicalJson({ b: [1.0, 1e-7, 1e21, -0], a: { '\u{1f600}': 'é\u0001"', '\uffff': null } }),
      '{"a":{"\u{1f600}":"é\\u0001\\"","\uffff":null},"b":[1,1e-7,1e+21,0]}',
    );
  });
});
