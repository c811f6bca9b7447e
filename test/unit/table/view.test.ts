import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Run } from '../../../src/core/experiment/model';
import { numberIn } from '../../../src/core/table/cell';
import { Columns } from '../../../src/core/table/columns';
import { copied, copiedSideBySide } from '../../../src/core/table/copy';
import {
  isShown,
  moved,
  sortedBy,
  START_LOOK,
  type TableLook,
  withPinned,
  withShown,
} from '../../../src/core/table/look';
import { sorted, type TableView, telling, viewOf, type Wanted } from '../../../src/core/table/view';
import { cpuMs } from '../cpuTime';
import { aCheckpoint, aRun } from '../model/builders';
import { cellIn, NOON, rowsOf, type SomeRows } from './someRows';

function view({ rows, columns }: SomeRows, look: Partial<TableLook> = {}, rest: Partial<Wanted> = {}): TableView {
  return viewOf(rows, columns, telling(rows, columns), {
    look: { ...START_LOOK, ...look },
    filter: '',
    fallback: '',
    only: null,
    folded: new Set(),
    now: NOON,
    ...rest,
  });
}

const names = ({ rows }: Pick<TableView, 'rows'>): string[] => rows.map(({ name }) => name);

/** What stands in the table, from above: headings in brackets. */
const lines = ({ items }: TableView): string[] =>
  items.map((item) => (item.kind === 'group' ? `[${item.title} ${item.rows.length}]` : item.row.name));

describe('the table of runs', () => {
  const table = rowsOf([
    aRun('a', { created: NOON - 100, loss: 2.5, state: 'training', config: { seed: 1, lr: 1e-5 } }),
    aRun('b', { created: NOON - 300, loss: 2.1, state: 'failed', config: { seed: 2, lr: 1e-5 } }),
    aRun('c', { created: NOON - 200, loss: null, state: 'finished', config: { seed: 10, lr: 1e-5 } }),
    aRun('d', { created: NOON - 400, loss: Number.NaN, state: 'queued', config: null }),
    aRun('e', { created: NOON - 500, loss: 2.1, state: 'stopped', config: { seed: 'x', lr: 1e-5 } }),
  ]);
  const sort = (column: string, descending = false) => ({ sort: [{ column, descending }] });

  it('has the newest run first', () => {
    assert.deepEqual(names(view(table)), ['a', 'c', 'b', 'd', 'e']);
  });

  it('sorts either way with equals in their order, NaN behind the numbers and the unknown at the end', () => {
    assert.deepEqual(names(view(table, sort('loss'))), ['b', 'e', 'a', 'd', 'c']);
    assert.deepEqual(names(view(table, sort('loss', true))), ['a', 'b', 'e', 'd', 'c']);
    assert.deepEqual(names(view(table, sort('--seed'))), ['a', 'b', 'c', 'e', 'd']);
    assert.deepEqual(names(view(table, sort('--seed', true))), ['e', 'c', 'b', 'a', 'd']);
    assert.deepEqual(names(view(table, sort('state'))), ['a', 'd', 'e', 'b', 'c']);
    assert.deepEqual(names(view(table, sort('no such column'))), ['a', 'c', 'b', 'd', 'e']);
  });

  it('sorts by a second column where the first says the same', () => {
    const look = {
      sort: [
        { column: 'loss', descending: false },
        { column: 'run', descending: true },
      ],
    };
    assert.deepEqual(names(view(table, look)).slice(0, 2), ['e', 'b']);
  });

  it('keeps every run through a sort, in an order that its own cells bear out', () => {
    const loss = fc.oneof(
      fc.constant(null),
      fc.constant(Number.NaN),
      fc.double({ noNaN: true }),
      fc.integer({ max: 3 }),
    );
    const runs = fc.array(loss, { maxLength: 40 }).map((all) => all.map((each, at) => aRun(`r${at}`, { loss: each })));
    fc.assert(
      fc.property(runs, fc.boolean(), (made, descending) => {
        const some = rowsOf(made);
        const rows = sorted(some.rows, some.columns, { ...START_LOOK, ...sort('loss', descending) });
        assert.deepEqual(new Set(rows), new Set(some.rows));
        const rank = (value: unknown): number => (value === null ? 2 : Number.isNaN(numberIn(value as number)) ? 1 : 0);
        for (const [at, row] of rows.entries()) {
          const before = rows[at - 1];
          if (before === undefined) continue;
          const [one, two] = [cellIn(some, before, 'loss'), cellIn(some, row, 'loss')];
          assert.ok(rank(one) <= rank(two));
          if (rank(one) !== rank(two)) continue;
          if (one === two || rank(one) > 0) assert.ok(some.rows.indexOf(before) < some.rows.indexOf(row), 'stable');
          else assert.ok(Number(one) < Number(two) !== descending);
        }
      }),
    );
  });

  it('shows the arguments that differ, the others when asked for, and no column that is empty', () => {
    const shown = (look: Partial<TableLook> = {}): string[] => view(table, look).columns.map(({ id }) => id);
    assert.deepEqual(
      shown(),
      ['run', 'state', 'stage', 'step', 'done', 'loss', 'started', 'duration', '--seed'],
      'no parent, no evaluation, and one learning rate',
    );
    assert.equal(view(table).equalHidden, 1);
    assert.ok(shown({ equal: true }).includes('--lr'));
    assert.ok(shown({ shown: ['--lr', 'parent'] }).includes('parent'));
    assert.ok(!shown({ hidden: ['loss'] }).includes('loss'));
  });

  it('takes what one run does not say for no difference', () => {
    const some = rowsOf([aRun('a', { config: { seed: 1 } }), aRun('b', { config: {} })]);
    assert.ok(!telling(some.rows, some.columns).has('--seed'));
    const none = rowsOf([aRun('a', { config: { seed: 1 } }), aRun('b', { config: { seed: null } })]);
    assert.ok(telling(none.rows, none.columns).has('--seed'));
  });

  it('shows of the runs that are compared what differs between them', () => {
    const only = new Set(['/ws/experiments/a', '/ws/experiments/e']);
    const compared = view(table, {}, { only });
    assert.deepEqual(names(compared), ['a', 'e']);
    const same = view(table, {}, { only: new Set(['/ws/experiments/a']) });
    assert.ok(
      same.columns.some(({ id }) => id === '--lr'),
      'a single run shows all that it has',
    );
  });

  it('marks the best value of those that are shown', () => {
    assert.equal(view(table).best.get('loss'), 2.1);
    assert.equal(view(table, {}, { filter: 'state:training,queued' }).best.get('loss'), undefined, 'of one alone');
    assert.equal(view(table).best.get('step'), undefined);
  });

  it('keeps to the last filter that could be read while one is typed', () => {
    const typed = view(table, {}, { filter: 'loss<', fallback: 'state:failed' });
    assert.equal(typed.problem, 'After Loss goes a number, such as 2.1.');
    assert.deepEqual(names(typed), ['b']);
  });

  describe('in groups', () => {
    const path = (name: string): string => `/ws/experiments/${name}`;
    const child = (name: string, parent: string, rest: Partial<Run>): Run =>
      aRun(name, { parent: { id: `id-${parent}`, run: parent, checkpoint: null, step: 100 }, ...rest });
    const family = rowsOf([
      aRun('root', { created: NOON - 900, loss: 3 }),
      aRun('other', { created: NOON - 800, loss: 2 }),
      child('x', 'root', { created: NOON - 700, loss: 1 }),
      child('y', 'other', { created: NOON - 600, loss: 1.5 }),
      child('z', 'root', { created: NOON - 90_000, loss: 4 }),
      child('lost', 'gone', { created: 0, loss: 5 }),
    ]);

    it('by parent', () => {
      assert.deepEqual(lines(view(family, { group: 'parent' })), [
        ...['[other 1]', 'y', '[root 2]', 'x', 'z', '[No parent 2]', 'other', 'root', '[gone 1]', 'lost'],
      ]);
    });

    it('by day', () => {
      const groups = lines(view(family, { group: 'day' }));
      assert.deepEqual(groups.slice(-4), ['[2026-11-25 1]', 'z', '[Day unknown 1]', 'lost']);
    });

    it('sorted over the whole table: a group stands by the best of its runs', () => {
      assert.deepEqual(lines(view(family, { group: 'parent', ...sort('loss') })), [
        ...['[root 2]', 'x', 'z', '[other 1]', 'y', '[No parent 2]', 'other', 'root', '[gone 1]', 'lost'],
      ]);
    });

    it('shows a folded group’s heading alone, and still counts its runs', () => {
      const folded = view(family, { group: 'parent' }, { folded: new Set([`parent ${path('root')}`]) });
      assert.deepEqual(lines(folded).slice(0, 4), ['[other 1]', 'y', '[root 2]', '[No parent 2]']);
      assert.equal(folded.rows.length, 6);
    });
  });

  describe('as it is looked at', () => {
    const find = (id: string) => table.columns.find(id)!;

    it('a heading sorts the column’s own way, then the other, then not', () => {
      const first = sortedBy(START_LOOK, find('loss'), false);
      assert.deepEqual(first.sort, [{ column: 'loss', descending: false }]);
      const second = sortedBy(first, find('loss'), false);
      assert.deepEqual(second.sort, [{ column: 'loss', descending: true }]);
      assert.deepEqual(sortedBy(second, find('loss'), false).sort, []);
      assert.deepEqual(sortedBy(START_LOOK, find('started'), false).sort[0]?.descending, true);
      assert.deepEqual(
        sortedBy(second, find('state'), true).sort.map(({ column }) => column),
        ['loss', 'state'],
      );
    });

    it('moves a column beside another, into the pinned ones and out of them', () => {
      const standing = view(table).standing;
      const shown = (look: TableLook): string[] =>
        view(table, look)
          .columns.map(({ id }) => id)
          .slice(0, 4);
      const early = moved(START_LOOK, standing, 'loss', 'state', false);
      assert.deepEqual(shown(early), ['run', 'loss', 'state', 'stage']);
      const pinned = moved(START_LOOK, standing, 'loss', 'run', true);
      assert.deepEqual(pinned.pinned, ['run', 'loss']);
      assert.deepEqual(shown(pinned), ['run', 'loss', 'state', 'stage']);
      assert.deepEqual(moved(pinned, view(table, pinned).standing, 'loss', 'step', true).pinned, ['run']);
      assert.deepEqual(shown(withPinned(START_LOOK, 'step', true)), ['run', 'step', 'state', 'stage']);
    });

    it('shows and hides what the user said, whatever differs', () => {
      const seed = find('--seed');
      assert.equal(isShown(seed, withShown(START_LOOK, '--seed', false), true), false);
      assert.equal(isShown(seed, withShown(START_LOOK, '--seed', true), false), true);
    });
  });

  describe('as text', () => {
    const hostile = rowsOf([
      aRun('a|b, "c" [x](command:y) <b>', { created: NOON, loss: 2.123456789, config: { lr: 1e-5 }, step: 12_000 }),
      aRun('plain', { created: NOON - 86_400, loss: null, config: { lr: 3e-5 }, step: 1 }),
    ]);
    const shown = ['run', 'step', 'loss', '--lr'].map((id) => hostile.columns.find(id)!);

    it('is Markdown as it is shown, in which names are only text', () => {
      assert.equal(
        copied('markdown', hostile.rows, shown, hostile.columns),
        [
          '| Run | Step | Loss | lr |',
          '| --- | --: | --: | --: |',
          '| a\\|b, "c" \\[x\\]\\(command:y\\) &lt;b&gt; | 12,000 | 2.123 | 1e-5 |',
          '| plain | 1 |  | 3e-5 |',
          '',
        ].join('\n'),
      );
    });

    it('is CSV with all digits', () => {
      const columns = [...shown, hostile.columns.find('started')!];
      assert.equal(
        copied('csv', hostile.rows, columns, hostile.columns),
        [
          'run,step,loss,lr,started',
          `"a|b, ""c"" [x](command:y) <b>",12000,2.123456789,0.00001,${new Date(NOON * 1000).toISOString()}`,
          `plain,1,,0.00003,${new Date((NOON - 86_400) * 1000).toISOString()}`,
          '',
        ].join('\n'),
      );
    });

    it('is, of runs side by side, a line a column, with the best in bold', () => {
      const lines = shown.filter(({ id }) => id !== 'run');
      const best = new Map([['loss', 2.123456789]]);
      assert.equal(
        copiedSideBySide('markdown', hostile.rows, lines, hostile.columns, best),
        [
          '|  | a\\|b, "c" \\[x\\]\\(command:y\\) &lt;b&gt; | plain |',
          '| --- | --: | --: |',
          '| Step | 12,000 | 1 |',
          '| Loss | **2.123** |  |',
          '| lr | 1e-5 | 3e-5 |',
          '',
        ].join('\n'),
      );
      assert.equal(
        copiedSideBySide('csv', hostile.rows, lines, hostile.columns, best),
        [',"a|b, ""c"" [x](command:y) <b>",plain', 'step,12000,1', 'loss,2.123456789,', 'lr,0.00001,0.00003', ''].join(
          '\n',
        ),
      );
    });
  });

  it('is made of 5,000 runs and 40 columns in a moment', () => {
    const stages = ['teacher', 'mixed', 'student'];
    const states = ['training', 'failed', 'finished', 'stopped'] as const;
    const big = rowsOf(
      Array.from({ length: 5000 }, (_, index) => {
        const path = `/ws/experiments/run-${index}`;
        return aRun(`run-${index}`, {
          created: NOON - index * 60,
          loss: 2 + ((index * 7919) % 5000) / 5000,
          stage: stages[index % 3]!,
          state: states[index % 4]!,
          checkpoints: [aCheckpoint(100, path, { evalLoss: 2 + ((index * 104_729) % 5000) / 5000 })],
          config: Object.fromEntries(
            Array.from({ length: 28 }, (_each, at) => [`argument_${at}`, at < 6 ? index % (at + 2) : at]),
          ),
        });
      }),
    );
    assert.ok(big.columns.all.length >= 40);
    const before = cpuMs();
    for (const column of ['loss', 'run', '--argument_3']) {
      const wanted = { filter: 'stage:student loss<2.9 run' };
      assert.ok(view(big, { ...sort(column), equal: true, group: 'state' }, wanted).rows.length > 1000);
    }
    assert.ok(cpuMs() - before < 1500, `${cpuMs() - before} ms`);
  });

  it('has a place for each column, and none for one that is not there', () => {
    const columns = new Columns([{ name: 'seed', about: '' }]);
    assert.equal(columns.placeOf('--seed'), columns.all.length - 1);
    assert.equal(columns.placeOf('--none'), -1);
  });
});
