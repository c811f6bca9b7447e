import assert from 'node:assert/strict';
import { Columns } from '../../../src/core/table/columns';
import { START_LOOK, type TableLook } from '../../../src/core/table/look';
import { RunsTableSession } from '../../../src/features/runsTable/session';
import type { Addressed } from '../../../src/protocol/requests';
import { parseRunsHostMessage, type RowsMessage, type RunsHostMessage } from '../../../src/protocol/runsTable';
import { RecordingRunsHost } from '../../runsTableHost';
import { aCheckpoint, aRun } from '../model/builders';

describe('the session of the table of runs', () => {
  let host: RecordingRunsHost;
  let posted: (RunsHostMessage & Addressed)[];
  let session: RunsTableSession;

  beforeEach(() => {
    posted = [];
    host = new RecordingRunsHost((message) => {
      // As the page checks it.
      assert.ok(parseRunsHostMessage(message) !== undefined, JSON.stringify(message).slice(0, 200));
      posted.push(message);
    }, []);
    session = new RunsTableSession(host);
  });
  afterEach(() => {
    session.dispose();
  });

  const ready = (page = 'one'): void => {
    session.receive({ type: 'ready', page });
  };
  const parts = (): RowsMessage[] => posted.filter((message) => message.type === 'rows');
  const names = (): string[] => parts().flatMap(({ rows }) => rows.map(({ name }) => name));

  /** Until the last part is on its way. */
  async function told(): Promise<void> {
    while (parts().at(-1)?.last !== true) await new Promise((resolve) => setImmediate(resolve));
  }

  it('tells a page that is ready of all runs in parts, and of the arguments that they name', async () => {
    host.known = Array.from({ length: 600 }, (_, index) =>
      aRun(`run-${index}`, { config: { seed: index, [`only_${index % 2}`]: 1 } }),
    );
    ready();
    await told();
    assert.deepEqual(
      parts().map(({ first, last, rows }) => [first, last, rows.length]),
      [
        [true, false, 250],
        [false, false, 250],
        [false, true, 100],
      ],
    );
    const named = parts()[0]?.arguments ?? [];
    assert.deepEqual(
      named.map(({ name }) => name),
      ['seed', 'only_0', 'only_1'],
    );
    assert.ok((named[0]?.about ?? '').length > 3, 'the trainer says what the seed does');
    assert.equal(parts()[1]?.arguments, null);
    const columns = new Columns(named);
    assert.equal(parts()[2]?.rows[0]?.cells[columns.placeOf('--seed')], 500);
    assert.ok(posted.every(({ page }) => page === 'one'));
  });

  it('tells of what changed and is gone, and says nothing where nothing did', async () => {
    const [a, b, c] = [aRun('a'), aRun('b'), aRun('c')];
    host.known = [a, b, c];
    ready();
    await told();
    posted.length = 0;
    session.modelChanged();
    assert.equal(posted.length, 0);
    host.known = [a, { ...b, step: 400 }, aRun('d')];
    session.modelChanged();
    await told();
    assert.deepEqual(names(), ['b', 'd']);
    assert.deepEqual(parts()[0]?.gone, [c.path]);
    assert.equal(parts()[0]?.first, false);
  });

  it('tells of a branch whose parent went, though nothing of the branch changed', async () => {
    const parent = aRun('parent');
    const branch = aRun('branch', { parent: { id: 'id-parent', run: 'parent', checkpoint: null, step: 1 } });
    host.known = [parent, branch];
    ready();
    await told();
    assert.deepEqual(
      parts()[0]?.rows.map(({ parentPath }) => parentPath),
      [null, parent.path],
    );
    posted.length = 0;
    host.known = [branch];
    session.modelChanged();
    await told();
    assert.deepEqual(parts()[0]?.rows[0]?.parentPath, null);
  });

  it('goes on with what is missing where the model changed between two parts', async () => {
    host.known = Array.from({ length: 600 }, (_, index) => aRun(`run-${index}`));
    ready();
    host.known = [...host.known.slice(1), { ...aRun('run-0'), step: 7 }];
    session.modelChanged();
    await told();
    assert.deepEqual(new Set(names()), new Set(host.known.map(({ name }) => name)));
    const newest = new Map(parts().flatMap(({ rows }) => rows.map((row) => [row.name, row.cells[3]])));
    assert.equal(newest.get('run-0'), 7);
  });

  it('begins anew with each page, and says nothing while none is seen', async () => {
    host.known = [aRun('a')];
    ready();
    await told();
    session.setVisible(false);
    posted.length = 0;
    host.known = [aRun('a', { step: 9 })];
    session.modelChanged();
    assert.equal(posted.length, 0);
    session.setVisible(true);
    await told();
    ready('two');
    assert.equal(parts().at(-1)?.first, true);
    assert.equal(posted.at(-1)?.page, 'two');
  });

  it('is empty where there are no runs', () => {
    ready();
    assert.deepEqual(
      parts().map(({ first, last, rows }) => [first, last, rows]),
      [[true, true, []]],
    );
  });

  it('gives a page the look that was kept, and nothing that another version kept in another shape', () => {
    const look: TableLook = { ...START_LOOK, pinned: ['run', 'loss'], widths: [{ column: 'run', width: 300 }] };
    session.receive({ type: 'look', page: 'one', look });
    assert.deepEqual(host.kept(), look);
    ready();
    assert.deepEqual(posted[0], { type: 'look', look, page: 'one' });
    host.keep({ pinned: 'run' });
    posted.length = 0;
    ready();
    assert.ok(posted.every(({ type }) => type !== 'look'));
  });

  it('acts on runs that there are: on themselves, or on the checkpoints that are meant', () => {
    const path = '/ws/experiments/a';
    host.known = [
      aRun('a', {
        checkpoints: [aCheckpoint(1, path), aCheckpoint(2, path), aCheckpoint(3, path, { state: 'broken' })],
      }),
      aRun('b', { checkpoints: [] }),
    ];
    const paths = ['/elsewhere', '/ws/experiments/b', path];
    for (const command of ['dashboard', 'branch', 'delete', 'compare'] as const) {
      session.receive({ type: 'act', page: 'one', command, paths });
    }
    session.receive({ type: 'act', page: 'one', command: 'dashboard', paths: ['/elsewhere'] });
    const newest = `${path}/checkpoints/checkpoint-2`;
    assert.deepEqual(host.acts, [
      ['dashboard', ['/ws/experiments/b', path]],
      ['branch', [newest]],
      ['delete', [1, 2, 3].map((step) => `${path}/checkpoints/checkpoint-${step}`)],
      ['compare', [newest]],
    ]);
  });

  it('copies what it is given, logs what the page reports, and ignores what is no message', () => {
    session.receive({ type: 'copy', page: 'one', content: 'a,b' });
    session.receive({ type: 'report', page: 'one', message: 'oh' });
    session.receive({ type: 'act', page: 'one', command: 'format', paths: ['/'] });
    session.receive({ type: 'look', page: 'one', look: { ...START_LOOK, widths: [{ column: 'run', width: -1 }] } });
    assert.deepEqual(host.copies, ['a,b']);
    assert.equal(host.kept(), undefined);
    assert.equal(host.logged[0], 'In the table of runs: oh');
    assert.equal(host.logged.length, 3);
  });
});
