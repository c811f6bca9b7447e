/** Columns of metrics: which runs are read for them, when, and how the page is told. */
import assert from 'node:assert/strict';
import type { Run } from '../../../src/core/experiment/model';
import { RunsTableSession } from '../../../src/features/runsTable/session';
import { parseRunsHostMessage, type FiguresMessage, type MetricsMessage } from '../../../src/protocol/runsTable';
import { RecordingRunsHost } from '../../runsTableHost';
import { aRun } from '../model/builders';

const RATE = 'last:throughput/tokens_per_second';

describe('the columns of metrics of the table of runs', () => {
  let host: RecordingRunsHost;
  let figures: FiguresMessage[];
  let metrics: MetricsMessage[];
  let session: RunsTableSession;

  beforeEach(() => {
    figures = [];
    metrics = [];
    host = new RecordingRunsHost(
      (raw) => {
        const message = parseRunsHostMessage(raw);
        assert.ok(message !== undefined, JSON.stringify(raw).slice(0, 200));
        if (message.type === 'figures') figures.push(message);
        if (message.type === 'metrics') metrics.push(message);
      },
      [],
      {
        logged: (run) => ({
          'throughput/tokens_per_second': { last: Number(/\d+$/.exec(run)?.[0] ?? 0), best: null },
          'eval_loss/total': { last: 3, best: 2 },
        }),
      },
    );
    session = new RunsTableSession(host);
  });
  afterEach(() => {
    session.dispose();
  });

  const reads = (): number => host.read.length;
  const runs = (count: number): Run[] => Array.from({ length: count }, (_, index) => aRun(`run-${index}`));
  const want = (request: number, columns: readonly string[]): void => {
    session.receive({ type: 'figures', page: 'one', request, columns });
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  async function told(request: number): Promise<void> {
    while (figures.at(-1)?.left !== 0 || figures.at(-1)?.request !== request) await turn();
  }

  it('are read for a page that has one, of a few runs at a time, and of none otherwise', async () => {
    host.known = runs(600);
    session.receive({ type: 'ready', page: 'one' });
    for (let each = 0; each < 50; each += 1) await turn();
    assert.equal(reads(), 0);
    want(1, [RATE]);
    assert.ok(reads() <= 8, `${reads()} at once`);
    await told(1);
    assert.deepEqual(
      host.read,
      host.known.map(({ path }) => path),
      'the newest first, each once',
    );
    const rows = figures.flatMap((message) => message.rows);
    assert.equal(rows.length, 600);
    assert.deepEqual(rows[17], { path: host.known[17]?.path, cells: [17] });
    assert.ok(figures.length >= 3, 'in parts');
  });

  it('are read again of what changed, and of new columns', async () => {
    host.known = runs(5);
    session.receive({ type: 'ready', page: 'one' });
    want(1, [RATE]);
    await told(1);
    host.read.length = 0;
    figures.length = 0;
    session.modelChanged();
    await turn();
    assert.equal(reads(), 0);
    host.known = host.known.map((run, index) => (index === 3 ? { ...run, step: 301 } : run));
    session.modelChanged();
    await told(1);
    assert.deepEqual(host.read, [host.known[3]?.path]);
    want(2, ['best:eval_loss/total', RATE]);
    await told(2);
    assert.equal(reads(), 6);
    assert.deepEqual(figures.at(-1)?.rows.at(-1)?.cells, [2, 4]);
    want(3, []);
    host.known = host.known.map((run) => ({ ...run, step: 302 }));
    session.modelChanged();
    await turn();
    assert.equal(reads(), 6, 'nobody wants any');
  });

  it('are not read while nobody sees the page', async () => {
    host.known = runs(100);
    session.receive({ type: 'ready', page: 'one' });
    want(1, [RATE]);
    session.setVisible(false);
    for (let each = 0; each < 20; each += 1) await turn();
    const before = reads();
    assert.ok(before < 20, `${before} read`);
    figures.length = 0;
    session.setVisible(true);
    await told(1);
    assert.equal(new Set(host.read).size, 100);
  });

  it('are told of by name, as some of the runs log them', async () => {
    host.known = runs(500);
    session.receive({ type: 'ready', page: 'one' });
    session.receive({ type: 'metrics', page: 'one' });
    while (metrics.length === 0) await turn();
    assert.deepEqual(metrics[0]?.names, ['throughput/tokens_per_second', 'eval_loss/total']);
  });

  it('are nothing where a log cannot be read, which is logged once', async () => {
    host.known = runs(2);
    host.metricsOf = () => ({ read: () => Promise.reject(new Error('permission denied')) });
    session.receive({ type: 'ready', page: 'one' });
    want(1, [RATE]);
    await told(1);
    assert.deepEqual(
      figures.flatMap(({ rows }) => rows.map(({ cells }) => cells)),
      [[null], [null]],
    );
    host.known = host.known.map((run) => ({ ...run, step: 301 }));
    session.modelChanged();
    await turn();
    await told(1);
    assert.equal(host.logged.length, 2);
    assert.match(host.logged[0] ?? '', /permission denied/);
  });
});
