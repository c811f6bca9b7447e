import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { TasksFileError, addTasks } from '../../../src/core/training/plan/tasksFile';

const TASK = { label: 'branch demo-lr1e-5', type: 'npt', kind: 'branch', changes: { learning_rate: '1e-5' } };

const tasksOf = (text: string): { label: string }[] => {
  const errors: never[] = [];
  const { tasks } = parse(text, errors, { allowTrailingComma: true }) as { tasks: { label: string }[] };
  assert.deepEqual(errors, []);
  return tasks;
};

describe('adding to tasks.json', () => {
  it('makes one where there is none', () => {
    for (const empty of ['', ' \n', '{}', '{ "version": "2.0.0" }']) {
      const text = addTasks(empty, [TASK]);
      assert.deepEqual(parse(text), { version: '2.0.0', tasks: [TASK] });
    }
  });

  it('keeps every comment, every other task and how the file is written', () => {
    const before = `{
    // ours
    "version": "2.0.0",
    "tasks": [
        /* the build */
        { "label": "build", "type": "shell", "command": "make" }, // daily
        // the last one
    ],
    "inputs": [], // none
}
`;
    const after = addTasks(before, [TASK]);
    for (const kept of ['// ours', '/* the build */', '// daily', '// the last one', '// none', '"command": "make"']) {
      assert.ok(after.includes(kept), `${kept} in ${after}`);
    }
    assert.deepEqual(
      tasksOf(after).map(({ label }) => label),
      ['build', TASK.label],
    );
    assert.match(after, /\n {8}\{\n {12}"label": "branch/, 'indented as the others');
    const windows = addTasks(before.replaceAll('\n', '\r\n'), [TASK]);
    assert.doesNotMatch(windows, /[^\r]\n/);
  });

  it('a label that is taken gets a number: two tasks of one name cannot be told apart', () => {
    const text = addTasks(addTasks('', [TASK, TASK]), [TASK]);
    assert.deepEqual(
      tasksOf(text).map(({ label }) => label),
      [TASK.label, `${TASK.label} (2)`, `${TASK.label} (3)`],
    );
  });

  for (const [text, words] of [
    ['{\n "tasks": [\n', /line 3 is not valid JSON/],
    ['{ "tasks": {} }', /"tasks" is not a list/],
    ['[]', /does not hold an object/],
    ['{ "version": 2.0.0 }', /line 1 is not valid JSON/],
  ] as const) {
    it(`leaves alone what cannot be read: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => addTasks(text, [TASK]),
        (error: unknown) => error instanceof TasksFileError && words.test(error.message),
      );
    });
  }

  it('whatever a task holds, it is read back as it was (property)', () => {
    fc.assert(
      fc.property(fc.string(), fc.dictionary(fc.string(), fc.string()), (label, changes) => {
        const entry = { label, type: 'npt', changes: { ...changes } };
        const { tasks } = JSON.parse(addTasks('{\n\t"tasks": []\n}', [entry])) as { tasks: unknown[] };
        assert.deepEqual(tasks, [JSON.parse(JSON.stringify(entry))]);
      }),
    );
  });
});
