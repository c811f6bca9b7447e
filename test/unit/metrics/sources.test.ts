import assert from 'node:assert/strict';
import { METRICS_FILES } from '../../../src/core/metrics/sources/logs';
import { field } from '../../../src/core/metrics/sources/field';
import { ours } from '../../../src/core/metrics/sources/ours';

describe('a line of a metrics file', () => {
  it('is a metrics event with its numbers', () => {
    const event = ours.parseLine(
      '{"event":"metrics","segment":2,"step":14010,"time":1.5,"metrics":{"loss/total":2.25,"note":"x"}}',
    );
    assert.deepEqual(event, {
      kind: 'metrics',
      segment: 2,
      step: 14010,
      time: 1.5,
      values: [['loss/total', 2.25]],
      stage: null,
      unmarked: false,
    });
  });

  it('may hold non-finite numbers, as strings or bare', () => {
    for (const text of ['"NaN"', 'NaN']) {
      const event = ours.parseLine(`{"event":"metrics","step":1,"metrics":{"a":${text},"b":-Infinity}}`);
      assert.ok(event?.kind === 'metrics');
      assert.deepEqual(event.values, [
        ['a', Number.NaN],
        ['b', Number.NEGATIVE_INFINITY],
      ]);
    }
  });

  it('keeps the word NaN inside a string as it is', () => {
    const event = ours.parseLine('{"event":"end","why":"loss was \\"NaN, NaN\\"","step":NaN}');
    assert.deepEqual(event, { kind: 'end', why: 'loss was "NaN, NaN"', step: null });
  });

  it('is nothing when torn, unknown, or no object', () => {
    for (const line of [
      '{"event":"metr',
      '[1,2]',
      '7',
      'null',
      '"x"',
      '{"event":"later"}',
      '{"event":"metrics","step":"3","metrics":{}}',
      '{"event":7,"step":1}',
      '{"step":1,"total_loss":2}',
    ]) {
      assert.equal(ours.parseLine(line), undefined, line);
    }
  });

  it('may be a row of the field’s trainer, told by our names', () => {
    const row =
      '{"step": 30, "total_loss": 1.5, "fidelity_loss": NaN, "curriculum_stage": "student", "mixing_ratio": 0, "learning_rate": 1e-4, "grad_norm": 0.5, "layer_losses": {"layer_3_direct_mlp": 0.25, "layer_3_v_a_attn_similarity": 0.5, "layer_3_reg": 0.125}}';
    const event = field.parseLine(row);
    assert.ok(event?.kind === 'metrics');
    assert.equal(event.stage, 'student');
    assert.equal(event.unmarked, true);
    assert.deepEqual(Object.fromEntries(event.values), {
      'loss/total': 1.5,
      'loss/fidelity': Number.NaN,
      // The attention input is wholly the student's there, whatever that trainer logs.
      'curriculum/mixing_ratio': 1,
      'training/learning_rate': 1e-4,
      'training/grad_norm': 0.5,
      'mlp_direct_loss/layer_3': 0.25,
      'v_a_attention_similarity/layer_3': 0.5,
      'regularization/layer_3': 0.125,
    });
    const evaluation = field.parseLine('{"step": 30, "val_loss": 2.5}');
    assert.ok(evaluation?.kind === 'metrics');
    assert.deepEqual(evaluation.values, [['eval_loss/total', 2.5]]);
  });

  it('of a source is no event of another one’s', () => {
    assert.equal(field.parseLine('{"event":"metrics","step":1,"metrics":{"a":1}}'), undefined);
    assert.equal(ours.parseLine('{"step":1,"total_loss":2}'), undefined);
    assert.deepEqual(METRICS_FILES, ['metrics.jsonl', 'training_log.jsonl']);
  });
});
