import assert from 'node:assert/strict';
import { layoutOf } from '../../../src/core/lanes/layout';
import type { LaneRun } from '../../../src/core/lanes/laneRun';
import { LineageSession } from '../../../src/features/lineage/session';
import {
  parseLineageHostMessage,
  parseLineagePageMessage,
  type LaneRunsMessage,
  type LineageHostMessage,
  type PassingMessage,
} from '../../../src/protocol/lineage';
import type { Addressed } from '../../../src/protocol/requests';
import { RecordingLineageHost } from '../../lineageHost';
import { branchOf } from '../lanes/builders';
import { aCheckpoint, aRun } from '../model/builders';

describe('the session of the lineage', () => {
  let host: RecordingLineageHost;
  let posted: (LineageHostMessage & Addressed)[];
  let session: LineageSession;

  beforeEach(() => {
    posted = [];
    host = new RecordingLineageHost((message) => {
      // As the page checks it.
      assert.ok(parseLineageHostMessage(message) !== undefined, JSON.stringify(message).slice(0, 300));
      posted.push(message);
    }, []);
    session = new LineageSession(host);
  });
  afterEach(() => {
    session.dispose();
  });

  const ready = (page = 'one'): void => {
    session.receive({ type: 'ready', page });
  };
  const parts = (): LaneRunsMessage[] => posted.filter((message) => message.type === 'runs');
  const passing = (): PassingMessage[] => posted.filter((message) => message.type === 'passing');

  /** What the page has by now. */
  async function page(): Promise<LaneRun[]> {
    while (parts().at(-1)?.last !== true) await new Promise((resolve) => setImmediate(resolve));
    const runs = new Map<number, LaneRun>();
    for (const message of parts()) {
      if (message.first) runs.clear();
      for (const key of message.gone) runs.delete(key);
      for (const run of message.runs) runs.set(run.key, run);
    }
    return [...runs.values()];
  }

  it('tells a page all runs in parts, then those that changed, and which are gone', async () => {
    const main = aRun('main');
    host.known = [...Array.from({ length: 600 }, (_, at) => branchOf('main', 200, `b${at}`)), main];
    ready();
    assert.equal((await page()).length, 601);
    assert.deepEqual(
      parts().map(({ first, last, runs }) => [first, last, runs.length]),
      [
        [true, false, 250],
        [false, false, 250],
        [false, true, 101],
      ],
    );
    posted.length = 0;
    host.known = [...host.known.slice(1, -1), { ...main, step: 301 }];
    session.modelChanged();
    const [change] = parts();
    assert.deepEqual(
      change?.runs.map(({ name, step }) => [name, step]),
      [['main', 301]],
    );
    assert.equal(change.gone.length, 1);
    posted.length = 0;
    session.modelChanged();
    assert.deepEqual(posted, [], 'nothing changed');
  });

  it('tells of an unchanged branch anew where its parent came, went or was renamed, or its checkpoint is gone', async () => {
    const branch = branchOf('main', 200, 'branch');
    host.known = [branch];
    ready();
    assert.deepEqual(
      (await page()).map(({ parent }) => parent?.lost),
      ['gone'],
    );
    const parents: (string | undefined)[] = [];
    for (const main of [
      aRun('main'),
      aRun('main', { checkpoints: [] }),
      aRun('renamed', { id: 'id-main', checkpoints: [aCheckpoint(200, '/r')] }),
    ]) {
      host.known = [branch, main];
      session.modelChanged();
      const runs = await page();
      const lane = layoutOf(runs, null).lanes.find(({ name }) => name === 'branch');
      parents.push(`${runs.find(({ key }) => key === lane?.run?.parent?.key)?.name} ${lane?.run?.parent?.origin}`);
    }
    assert.deepEqual(parents, ['main true', 'main false', 'renamed true']);
  });

  it('says which runs pass a filter, anew as they change, and what is wrong with one', async () => {
    host.known = [aRun('a', { state: 'training' }), aRun('b')];
    ready();
    const runs = await page();
    const namesOf = (keys: readonly number[] | null | undefined): string[] | undefined =>
      keys?.map((key) => runs.find((run) => run.key === key)?.name ?? '');
    session.receive({ type: 'filter', request: 1, typed: 'state:training', page: 'one' });
    assert.deepEqual(namesOf(passing().at(-1)?.keys), ['a']);
    session.receive({ type: 'filter', request: 2, typed: 'nocolumn<2', page: 'one' });
    assert.deepEqual([passing().at(-1)?.keys, passing().at(-1)?.request], [null, 2]);
    assert.match(passing().at(-1)?.problem ?? '', /no column/);
    session.receive({ type: 'filter', request: 3, typed: 'state:training', page: 'one' });
    const told = passing().length;
    session.modelChanged();
    assert.equal(passing().length, told, 'the answer is the same');
    host.known = host.known.map((run) => ({ ...run, state: 'training' as const }));
    session.modelChanged();
    assert.deepEqual(namesOf(passing().at(-1)?.keys), ['a', 'b']);
    session.receive({ type: 'filter', request: 4, typed: ' ', page: 'one' });
    assert.deepEqual([passing().at(-1)?.keys, passing().at(-1)?.problem], [null, null]);
    session.receive({ type: 'filter', request: 9, typed: 'b', page: 'another' });
    assert.equal(passing().at(-1)?.request, 4, 'of a page that is gone');
  });

  it('acts on runs that there are, and on nothing else', () => {
    host.known = [aRun('a')];
    ready();
    session.receive({ type: 'act', command: 'dashboard', path: '/ws/experiments/a', page: 'one' });
    session.receive({ type: 'act', command: 'reveal', path: '/etc/passwd', page: 'one' });
    session.receive({ type: 'act', command: 'rm', path: '/ws/experiments/a', page: 'one' });
    assert.deepEqual(host.acts, [['dashboard', '/ws/experiments/a']]);
    assert.equal(host.logged.length, 1);
  });

  it('is silent out of sight, and tells what was missed', async () => {
    host.known = [aRun('a')];
    ready();
    await page();
    session.setVisible(false);
    host.known = [aRun('a'), aRun('b')];
    posted.length = 0;
    session.modelChanged();
    assert.deepEqual(posted, []);
    session.setVisible(true);
    assert.deepEqual(
      parts().flatMap(({ runs }) => runs.map(({ name }) => name)),
      ['a', 'b'],
    );
  });

  it('refuses what is no message', () => {
    for (const raw of [null, {}, { type: 'filter', request: -1, typed: '' }, { type: 'filter', request: 1 }])
      assert.equal(parseLineagePageMessage(raw), undefined);
    const run = { ...(JSON.parse('{}') as object), key: 1, path: '/a' };
    assert.equal(parseLineageHostMessage({ type: 'runs', first: true, last: true, runs: [run], gone: [] }), undefined);
  });
});
