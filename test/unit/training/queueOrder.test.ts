import assert from 'node:assert/strict';
import fc from 'fast-check';
import { between, compareOrder, moved, orderBehind, type Ordered } from '../../../src/core/training/queue/order';

const digits = fc.stringMatching(/^\d{1,12}$/).map((text) => text.replace(/0+$/, '') || '1');

function applied(entries: readonly Ordered[], changes: readonly Ordered[]): string[] {
  const orders = new Map(changes.map(({ id, order }) => [id, order]));
  return entries
    .map((entry) => ({ ...entry, order: orders.get(entry.id) ?? entry.order }))
    .sort(compareOrder)
    .map(({ id }) => id);
}

describe("a queue's order", () => {
  it('has room between any two, before the first and behind the last', () => {
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        fc.pre(a !== b);
        const [low, high] = a < b ? [a, b] : [b, a];
        for (const [before, after] of [
          [low, high],
          ['', low],
          [high, null],
        ] as const) {
          const order = between(before, after);
          assert.match(order, /^\d*[1-9]$/);
          assert.ok(order > before && (after === null || order < after), `${before} < ${order} < ${String(after)}`);
        }
      }),
    );
  });

  it('puts what is added behind everything', () => {
    assert.equal(orderBehind([]), '000000001');
    assert.equal(orderBehind([{ id: 'a', order: '0000000015' }]), '000000002');
    fc.assert(
      fc.property(fc.array(digits), (orders) => {
        const next = orderBehind(orders.map((order, at) => ({ id: String(at), order })));
        for (const order of orders) assert.ok(order < next, `${order} < ${next}`);
      }),
    );
  });

  it('gives an entry the place that it is moved to, and leaves the others in their order, also where two have the same', () => {
    const entry = fc.record({ id: fc.stringMatching(/^[a-z]{1,8}$/), order: fc.oneof(digits, fc.constant('5')) });
    const entries = fc.uniqueArray(entry, { selector: ({ id }) => id, minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(entries, fc.nat(), fc.nat(14), (queue, who, place) => {
        const sorted = [...queue].sort(compareOrder).map(({ id }) => id);
        const id = sorted[who % sorted.length]!;
        const wanted = sorted.filter((each) => each !== id);
        wanted.splice(Math.min(place, sorted.length - 1), 0, id);
        assert.deepEqual(applied(queue, moved(queue, id, place)), wanted);
      }),
    );
  });

  it('renames the moved entry alone where no two are the same', () => {
    const queue = ['000000001', '000000002', '000000003'].map((order, at) => ({ id: 'abc'[at]!, order }));
    assert.deepEqual(moved(queue, 'c', 0), [{ id: 'c', order: '0000000005' }]);
    assert.deepEqual(moved(queue, 'a', 1), [{ id: 'a', order: '0000000025' }]);
    assert.deepEqual(moved(queue, 'a', 0), []);
    assert.deepEqual(moved(queue, 'x', 0), []);
  });

  it('is never used up, however often the last is moved to the front', () => {
    let queue: Ordered[] = ['a', 'b', 'c'].map((id, at) => ({ id, order: `00000000${at + 1}` }));
    for (let turn = 0; turn < 300; turn += 1) {
      const last = [...queue].sort(compareOrder).at(-1)!.id;
      const changes = moved(queue, last, 0);
      queue = queue.map((entry) => ({
        ...entry,
        order: changes.find(({ id }) => id === entry.id)?.order ?? entry.order,
      }));
      assert.equal([...queue].sort(compareOrder)[0]!.id, last);
    }
    // A file's name has room for this many.
    assert.ok(
      queue.every(({ order }) => order.length < 200),
      String(Math.max(...queue.map(({ order }) => order.length))),
    );
  });
});
