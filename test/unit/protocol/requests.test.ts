import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseHostMessage, type HostMessage } from '../../../src/protocol/dashboard';
import { parseProbe, parseProbeHostMessage } from '../../../src/protocol/probe';
import { Conversation, pageOf, Questions } from '../../../src/protocol/requests';
import { parseTorchHostMessage } from '../../../src/protocol/torchFile';

describe('questions and answers between a page and the host', () => {
  it('an answer counts only for the newest question about its subject', () => {
    const questions = new Questions();
    const first = questions.ask('curves');
    assert.ok(questions.awaits('curves', first));
    const second = questions.ask('curves');
    questions.ask('difference');
    assert.deepEqual([questions.awaits('curves', first), questions.awaits('curves', second)], [false, true]);
    assert.ok(!questions.awaits('never asked', 1));
  });

  it('the host answers the newest question, of the page that listens now', () => {
    const conversation = new Conversation();
    conversation.begin('one');
    const early = conversation.question('curves', 1);
    assert.ok(early());
    const late = conversation.question('curves', 2);
    const other = conversation.question('difference', 1);
    assert.deepEqual([early(), late(), other()], [false, true, true]);
    conversation.begin('two');
    const fresh = conversation.question('curves', 1);
    assert.deepEqual([late(), other(), fresh()], [false, false, true]);
    conversation.end();
    assert.equal(fresh(), false);
  });

  it('no answer to a page that went reaches one of the same name', () => {
    const conversation = new Conversation();
    conversation.begin('');
    const old = conversation.question('curves', 5);
    conversation.begin('');
    conversation.question('curves', 5);
    assert.equal(old(), false);
  });

  it('what is posted says whom to, and is not posted to nobody', () => {
    const conversation = new Conversation();
    assert.equal(conversation.address({ type: 'x' }), undefined);
    conversation.begin('one');
    assert.deepEqual(conversation.address({ type: 'x' }), { type: 'x', page: 'one' });
    assert.equal(pageOf(conversation.address({ type: 'x' })), 'one');
    for (const raw of [null, 7, {}, { page: 3 }, { page: 'x'.repeat(1000) }]) assert.equal(pageOf(raw), '');
  });

  it('in any order of pages, questions and answers, only the present page’s newest question is answered', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('page' as const), page: fc.constantFrom('a', 'b') }),
      fc.record({ kind: fc.constant('ask' as const), subject: fc.constantFrom('curves', 'difference') }),
      fc.record({ kind: fc.constant('answer' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const conversation = new Conversation();
        let questions = new Questions();
        conversation.begin('first');
        let waiting: { questions: Questions; subject: string; request: number; wanted: () => boolean }[] = [];
        for (const each of steps) {
          if (each.kind === 'page') {
            questions = new Questions();
            conversation.begin(each.page);
          } else if (each.kind === 'ask') {
            const request = questions.ask(each.subject);
            const wanted = conversation.question(each.subject, request);
            waiting.push({ questions, subject: each.subject, request, wanted });
          } else if (waiting.length > 0) {
            const [answer] = waiting.splice(each.which % waiting.length, 1);
            assert.ok(answer);
            const awaited = answer.questions === questions && questions.awaits(answer.subject, answer.request);
            assert.equal(answer.wanted(), awaited);
          }
        }
        waiting = [];
      }),
    );
  });
});

describe('what a page may be sent', () => {
  const points: HostMessage = {
    type: 'points',
    request: 1,
    curves: [
      {
        run: '/a',
        metric: 'loss/total',
        x: new ArrayBuffer(8),
        low: new ArrayBuffer(4),
        high: new ArrayBuffer(4),
        line: new ArrayBuffer(4),
        value: new ArrayBuffer(0),
        average: new ArrayBuffer(0),
        bucket: 1,
        smoothing: 0.9,
        inWindow: { points: 1, notPositive: 0, notFinite: 1 },
        newest: 'NaN',
        last: 'NaN',
      },
    ],
  };

  it('is taken field by field, metrics and runs of any name too', () => {
    assert.deepEqual(parseHostMessage({ ...points, page: 'x', more: 1 }), points);
    const named = { ...points, curves: [{ ...points.curves[0], metric: `${'x'.repeat(10_000)}\u202e<b>` }] };
    assert.deepEqual(parseHostMessage(named), named);
    assert.deepEqual(parseTorchHostMessage({ type: 'disk', state: 'failed', message: 'gone' }), {
      type: 'disk',
      state: 'failed',
      message: 'gone',
    });
    assert.deepEqual(parseProbeHostMessage({ type: 'news', run: '/a', name: 'a', newer: 2 }), {
      type: 'news',
      run: '/a',
      name: 'a',
      newer: 2,
    });
  });

  it('is refused where a field is not what it should be', () => {
    for (const message of [
      { ...points, request: '1' },
      { ...points, curves: [{ ...points.curves[0], x: [1, 2] }] },
      { ...points, curves: [{ ...points.curves[0], last: 'much' }] },
      { type: 'missing', path: '/a' },
      { type: 'constructor' },
      { type: '__proto__' },
    ])
      assert.equal(parseHostMessage(message), undefined);
    assert.equal(parseTorchHostMessage({ type: 'disk', state: 'failed' }), undefined);
    assert.equal(parseTorchHostMessage({ type: 'outline', generation: 1, json: 'x' }), undefined);
    assert.equal(parseProbe({ type: 'probe', run: '/a' }), undefined);
    assert.equal(parseProbe(undefined), undefined);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.constantFrom('snapshot', 'model', 'figures', 'curves', 'difference', 'probe', 'news', 'disk', 'idle'),
        (anything, type) => {
          const raw: unknown = typeof anything === 'object' && anything !== null ? { ...anything, type } : anything;
          parseHostMessage(raw);
          parseProbeHostMessage(raw);
          parseTorchHostMessage(raw);
        },
      ),
    );
  });
});
