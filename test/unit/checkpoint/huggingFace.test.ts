/** Hugging Face's Trainer's layout: listed with step and losses, its structure validated, a resume refused. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { safetensorsNames, SafetensorsError } from '../../../src/core/torchfile/container/safetensors';
import { MemorySource } from '../../../src/core/torchfile/container/source';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { makePlan } from '../../../src/core/training/plan/makePlan';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';
import { FIXTURES } from './fixtures';

function safetensors(header: unknown, data: number, length?: number): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(length ?? json.length));
  return Buffer.concat([head, json, Buffer.alloc(data, 1)]);
}
const TWO = {
  __metadata__: { format: 'pt' },
  'b.weight': { dtype: 'BF16', shape: [2, 3], data_offsets: [8, 20] },
  'a.bias': { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
};

/** As `Trainer._save_checkpoint` leaves it; the torch files are real ones of our fixtures. */
function hfCheckpoint(folder: string, step: number, more: Record<string, Buffer | string | null> = {}): void {
  fs.mkdirSync(folder, { recursive: true });
  const torchFile = fs.readFileSync(path.join(FIXTURES, 'field/checkpoint-24000/training_state.pt'));
  const files: Record<string, Buffer | string | null> = {
    'config.json': '{"model_type": "llama"}',
    'model.safetensors': safetensors(TWO, 20),
    'optimizer.pt': torchFile,
    'scheduler.pt': torchFile,
    'rng_state.pth': torchFile,
    'trainer_state.json': JSON.stringify({
      best_metric: 0.5,
      best_model_checkpoint: `/elsewhere/out/checkpoint-20`,
      global_step: step,
      max_steps: 100,
      log_history: [
        { epoch: 0.1, grad_norm: 1, learning_rate: 5e-5, loss: 3.5, step: step - 10 },
        { epoch: 0.2, loss: 2.25, step },
        { epoch: 0.2, eval_loss: 2.5, eval_runtime: 1, step },
      ],
    }),
    ...more,
  };
  for (const [name, content] of Object.entries(files))
    if (content !== null) fs.writeFileSync(path.join(folder, name), content);
  const time = Date.now() / 1000 - 3600;
  for (const name of fs.readdirSync(folder)) fs.utimesSync(path.join(folder, name), time, time);
}

describe('Hugging Face’s Trainer’s checkpoints', () => {
  let ws: FixtureWorkspace;
  beforeEach(() => {
    ws = new FixtureWorkspace();
  });
  afterEach(() => {
    ws.remove();
  });
  const checkpoint = (step: number): string => path.join(ws.experiments, 'out', `checkpoint-${step}`);
  const codes = async (folder: string): Promise<string[]> =>
    (await validateCheckpoint(folder, { level: 'structure' })).findings.map(({ code }) => code);

  for (const place of ['out', 'out/checkpoints']) {
    it(`are listed with step, losses and the best one, in ${place}`, async () => {
      for (const step of [20, 30]) hfCheckpoint(path.join(ws.experiments, place, `checkpoint-${step}`), step);
      const { runs, problems } = await scanWorkspace(ws.root);
      assert.deepEqual(problems, []);
      assert.equal(runs.length, 1);
      const [run] = runs;
      assert.deepEqual([run!.name, run!.step, run!.maxSteps, run!.loss], ['out', 30, 100, 2.25]);
      assert.deepEqual(
        run!.checkpoints.map(({ name, step, state, loss, evalLoss, best }) => [
          name,
          step,
          state,
          loss,
          evalLoss,
          best,
        ]),
        [
          ['checkpoint-20', 20, 'complete', 2.25, 2.5, true],
          ['checkpoint-30', 30, 'complete', 2.25, 2.5, false],
        ],
      );
    });
  }

  it('are being written until trainer_state.json is there, and broken without it', async () => {
    hfCheckpoint(checkpoint(20), 20, { 'trainer_state.json': null });
    const state = async (): Promise<string | undefined> =>
      (await scanWorkspace(ws.root)).runs[0]?.checkpoints[0]?.state;
    assert.equal(await state(), 'broken');
    fs.appendFileSync(path.join(checkpoint(20), 'optimizer.pt'), 'more');
    assert.equal(await state(), 'writing');
    hfCheckpoint(checkpoint(30), 30, { 'trainer_state.json': '{' });
    assert.match(
      (await scanWorkspace(ws.root)).runs[0]?.checkpoints[1]?.stateReason ?? '',
      /trainer_state\.json is not JSON/,
    );
  });

  it('are validated to their structure', async () => {
    hfCheckpoint(checkpoint(20), 20);
    const report = await validateCheckpoint(checkpoint(20), { level: 'structure' });
    assert.deepEqual([report.verdict, report.step], ['valid', 20], JSON.stringify(report.findings));
    assert.deepEqual(
      report.findings.map(({ code }) => code),
      ['other-trainer'],
    );
    assert.equal(report.files.find(({ name }) => name === 'model.safetensors')?.format, 'safetensors');
    const model = path.join(checkpoint(20), 'model.safetensors');
    fs.truncateSync(model, fs.statSync(model).size - 5);
    fs.utimesSync(model, 1000, 1000);
    assert.ok((await codes(checkpoint(20))).includes('truncated'));
  });

  it('are at home as the Trainer itself leaves them', async () => {
    fs.cpSync('test/fixtures/huggingface/run', path.join(ws.experiments, 'real'), { recursive: true });
    const { runs, problems } = await scanWorkspace(ws.root);
    assert.deepEqual(problems, []);
    const run = runs[0]!;
    assert.deepEqual([run.name, run.step, run.maxSteps, run.loss?.toFixed(3)], ['real', 40, 40, '3.418']);
    assert.deepEqual(
      run.checkpoints.map(({ step, state }) => [step, state]),
      [20, 40].map((step) => [step, 'complete']),
    );
    for (const { path: folder } of run.checkpoints) {
      const { verdict, findings } = await validateCheckpoint(folder, { level: 'structure' });
      assert.equal(verdict, 'valid');
      // The arguments' own class, which nothing here loads.
      const said = findings.filter(({ code, file }) => code !== 'other-trainer' && file !== 'training_args.bin');
      assert.deepEqual(said, []);
      assert.ok(findings.every(({ severity }) => severity === 'info'));
    }
  });

  it('in several pieces want every piece, and no way out of the folder', async () => {
    const index = (map: object): string => JSON.stringify({ metadata: {}, weight_map: map });
    const pieces = { 'a.bias': 'model-00001-of-00002.safetensors', 'b.weight': 'model-00002-of-00002.safetensors' };
    hfCheckpoint(checkpoint(20), 20, {
      'model.safetensors': null,
      'model.safetensors.index.json': index(pieces),
      'model-00001-of-00002.safetensors': safetensors(TWO, 20),
    });
    assert.deepEqual(await codes(checkpoint(20)), ['missing-file']);
    fs.writeFileSync(path.join(checkpoint(20), 'model-00002-of-00002.safetensors'), safetensors(TWO, 20));
    assert.deepEqual(await codes(checkpoint(20)), ['other-trainer']);
    hfCheckpoint(checkpoint(30), 30, { 'model.safetensors.index.json': index({ a: '../../secret' }) });
    assert.ok((await codes(checkpoint(30))).includes('bad-value'));
  });

  it('with a step that is not the folder’s are invalid', async () => {
    hfCheckpoint(checkpoint(20), 21);
    assert.deepEqual(await codes(checkpoint(20)), ['step-folder']);
  });

  it('with a model in torch files that would run code are dangerous', async () => {
    const payload = Buffer.from('\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.', 'latin1');
    hfCheckpoint(checkpoint(20), 20, { 'training_args.bin': payload });
    assert.equal((await validateCheckpoint(checkpoint(20))).verdict, 'dangerous');
  });

  it('are not resumed by our trainer: one line says so', async () => {
    hfCheckpoint(checkpoint(20), 20);
    for (const target of [checkpoint(20), path.dirname(checkpoint(20))]) {
      const plan = await makePlan({ kind: 'resume', checkpoint: target });
      assert.deepEqual(
        plan.errors.map(({ code }) => code),
        ['other-layout', 'script-missing'],
      );
      assert.match(
        plan.errors[0]!.message,
        /^checkpoint-20 is a checkpoint of Hugging Face's Trainer, without NP components: /,
      );
    }
  });
});

describe('safetensors', () => {
  const names = (bytes: Uint8Array): Promise<readonly string[]> => safetensorsNames(new MemorySource(bytes));

  it('names the tensors of a whole file', async () => {
    assert.deepEqual(await names(safetensors(TWO, 20)), ['a.bias', 'b.weight']);
    assert.deepEqual(await names(safetensors({}, 0)), []);
    assert.deepEqual(await names(safetensors({ a: { dtype: 'F4', shape: [3, 2], data_offsets: [0, 3] } }, 3)), ['a']);
  });

  const a = (entry: object): object => ({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...entry } });
  for (const [what, bytes, said] of [
    ['nothing', Buffer.alloc(0), /ends before its header/],
    ['a length beyond the file', safetensors(TWO, 20, 9999), /ends within its header/],
    ['a length of 2^63', Buffer.concat([Buffer.alloc(7, 255), Buffer.alloc(9, 127)]), /does not begin with the length/],
    ['no JSON', safetensors('{"a": }', 8), /header is not JSON/],
    ['a list', safetensors('[1]', 8), /header is not JSON/],
    ['a type of its own', safetensors(a({ dtype: 'F7' }), 8), /a type that is not known/],
    ['a negative shape', safetensors(a({ shape: [-2] }), 8), /has no shape/],
    ['a shape that overflows', safetensors(a({ shape: [2 ** 40, 2 ** 40] }), 8), /does not fit its 8 bytes/],
    ['a shape that does not fit', safetensors(a({ shape: [3] }), 8), /does not fit its 8 bytes/],
    ['offsets the wrong way round', safetensors(a({ data_offsets: [8, 0] }), 8), /ends before it begins/],
    ['data cut short', safetensors(TWO, 12), /ends before tensor 'b\.weight' does|ends before tensor "b\.weight" does/],
    ['data behind the last tensor', safetensors(TWO, 24), /4 bytes behind its last tensor/],
    [
      'tensors over each other',
      safetensors({ ...a({}), b: { dtype: 'U8', shape: [4], data_offsets: [4, 8] } }, 8),
      /lies over/,
    ],
    ['a hole', safetensors({ ...a({}), b: { dtype: 'U8', shape: [4], data_offsets: [12, 16] } }, 16), /4 bytes before/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(names(bytes), (error) => error instanceof SafetensorsError && said.test(error.message));
    });
  }

  it('reads any bytes, or refuses them in one line', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(60), fc.nat(255), async (tail, at, put) => {
        const whole = safetensors(TWO, 20);
        whole[at] = put;
        for (const bytes of [tail, whole, Buffer.concat([whole.subarray(0, at), tail])]) {
          try {
            await names(bytes);
          } catch (error) {
            assert.ok(error instanceof SafetensorsError && !error.message.includes('\n'), String(error));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
