/** Files dated ahead of the clock: judged by what else is known, and said once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { ScanContext, scanWorkspace } from '../../../src/core/experiment/scan';
import { CHECKPOINTS, FIXTURES, Workbench } from '../checkpoint/fixtures';
import { FixtureWorkspace } from './fixtureWorkspace';

const DAY = 86_400;

describe('dates in the future', () => {
  let ws: FixtureWorkspace;
  const bench = new Workbench();
  beforeEach(() => {
    ws = new FixtureWorkspace();
  });
  afterEach(() => {
    ws.remove();
  });
  after(() => {
    bench.dispose();
  });
  const date = (folder: string, ahead: number): void => {
    const time = Date.now() / 1000 + ahead;
    for (const name of fs.readdirSync(folder)) fs.utimesSync(path.join(folder, name), time, time);
    fs.utimesSync(folder, time, time);
  };
  const field = (run: string, step: number, files: readonly string[]): string => {
    for (const name of files)
      ws.write(`${run}/checkpoints/checkpoint-${step}/${name}`, name === 'config.json' ? '{}' : 'content');
    return path.join(ws.experiments, run, 'checkpoints', `checkpoint-${step}`);
  };
  const FOUR = ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json'];

  it('do not make another trainer’s checkpoint one that is being written', async () => {
    ws.write('other/training_log.jsonl', '{"step": 5, "total_loss": 1}\n');
    const older = path.join(ws.experiments, 'other', 'checkpoints', 'checkpoint-10');
    fs.cpSync(path.join(FIXTURES, CHECKPOINTS.fieldOld), older, { recursive: true });
    date(older, DAY);
    date(field('other', 20, FOUR.slice(0, 3)), DAY);
    date(field('other', 30, FOUR), DAY);
    const { runs, problems } = await scanWorkspace(ws.root);
    assert.deepEqual(
      runs[0]?.checkpoints.map(({ step, state }) => [step, state]),
      [
        [10, 'complete'],
        [20, 'broken'],
        [30, 'complete'],
      ],
    );
    assert.deepEqual(
      problems.map(({ path: at, message }) => [path.basename(at), /^has files dated in the future/.test(message)]),
      [['other', true]],
    );
  });

  it('a folder that is seen to grow is being written, whatever its dates', async () => {
    const folder = field('other', 20, FOUR.slice(0, 3));
    date(folder, DAY);
    let now = Date.now() / 1000;
    const context = new ScanContext({ now: () => now });
    const state = async (): Promise<string | undefined> =>
      (await scanWorkspace(ws.root, { context })).runs[0]?.checkpoints[0]?.state;
    assert.equal(await state(), 'broken');
    fs.appendFileSync(path.join(folder, 'multi_layer_state.pt'), 'more');
    date(folder, DAY);
    assert.equal(await state(), 'writing');
    now += 130;
    assert.equal(await state(), 'broken');
  });

  it('a clock that is a few seconds off is believed', async () => {
    date(field('other', 20, FOUR.slice(0, 3)), 4);
    assert.equal((await scanWorkspace(ws.root)).runs[0]?.checkpoints[0]?.state, 'writing');
  });

  it('do not put a run first for ever', async () => {
    ws.run('ahead', { run: { created: Date.now() / 1000 + 400 * DAY } });
    ws.run('now', { run: { created: Date.now() / 1000 - 60 } });
    ws.run('before', { run: { created: 1000 } });
    fs.utimesSync(path.join(ws.experiments, 'ahead'), 5000, 5000);
    const { runs, problems } = await scanWorkspace(ws.root);
    assert.equal(runs.at(0)?.name, 'now');
    assert.ok((runs.find(({ name }) => name === 'ahead')?.created ?? Infinity) < Date.now() / 1000 + DAY);
    assert.equal(problems.filter(({ message }) => message.includes('future')).length, 1);
    const again = await scanWorkspace(ws.root);
    assert.deepEqual(again.problems, problems, 'said in the same words each time, so that nothing changes');
  });

  it('validation says what is missing, not that it is being written', async () => {
    const folder = bench.copy('field/checkpoint-24000');
    fs.rmSync(path.join(folder, 'config.json'));
    date(folder, 5 * DAY);
    const codes = async (): Promise<string[]> => (await validateCheckpoint(folder)).findings.map(({ code }) => code);
    assert.deepEqual(await codes(), ['missing-file']);
    date(folder, 0);
    assert.deepEqual(await codes(), ['being-written']);
  });
});
