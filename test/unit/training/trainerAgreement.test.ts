import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { findArgument, START_ARGUMENTS, TRAINER_ARGUMENTS } from '../../../src/core/arguments/arguments';
import { readLayers, ValueRefused } from '../../../src/core/arguments/argumentValues';
import { parseJsonText, stringifyJson } from '../../../src/core/jsonText';

const TRAINER = path.resolve(__dirname, '../../../trainer');

/** What the trainer's own parser says of each argument; needs only Python's standard library. */
const ASK = `
import argparse, json
from npt.arguments import Arguments, build_parser
print(json.dumps({"defaults": Arguments().as_config(), "choices": {
    action.dest: list(action.choices) for action in build_parser()._actions if action.choices},
  "flags": sorted({word for action in build_parser()._actions for word in action.option_strings})}))
`;

/** Reads each [name, JSON text] as the trainer reads stored values: the value, or null where it is refused. */
const READ = `
import json, sys
from npt.argument_table import ARGUMENTS, ValueRefused
def read(name, text):
    try:
        return {"value": ARGUMENTS[name].read(json.loads(text))}
    except ValueRefused:
        return None
print(json.dumps([read(*case) for case in json.load(sys.stdin)]))
`;

describe('the catalogue and the trainer', () => {
  it('read stored values alike (property)', function () {
    const scalar = fc.oneof(
      fc.constantFrom(
        'auto',
        '5e-3',
        '1e3',
        'bf16',
        'FP16',
        'no',
        'NaN',
        '-0',
        '2,3',
        '1,0.5',
        'cuda:0',
        '4.0',
        'linear',
      ),
      fc.constantFrom('4.5', ' 7 ', '٣', '1_000', '0x10', '1e400', 'medium', 'all', '3-1', '1,1', 'a\nb', 'student:5'),
      fc.integer(),
      fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.string({ maxLength: 5 }),
      fc.constant(null),
    );
    const name = fc.constantFrom(...TRAINER_ARGUMENTS.map((argument) => argument.name));
    const value = fc.oneof(
      scalar,
      fc.array(scalar, { maxLength: 3 }),
      fc.dictionary(fc.string(), fc.boolean(), { maxKeys: 1 }),
    );
    const cases = fc
      .sample(fc.tuple(name, value), 3000)
      .map(([each, of]): [string, string] => [each, stringifyJson(of)]);
    const asked = spawnSync('python3', ['-c', READ], { cwd: TRAINER, encoding: 'utf8', input: JSON.stringify(cases) });
    if (asked.status !== 0 && /SyntaxError|ENOENT|TypeError/.test(asked.stderr)) this.skip();
    assert.equal(asked.status, 0, asked.stderr);
    const theirs = parseJsonText(asked.stdout) as ({ value: unknown } | null)[];
    cases.forEach(([each, text], at) => {
      const argument = findArgument(each);
      assert.ok(argument);
      let ours: { value: unknown } | null = null;
      try {
        ours = { value: argument.readStored(parseJsonText(text)) };
      } catch (error) {
        if (!(error instanceof ValueRefused)) throw error;
      }
      const expected = theirs[at] ?? null;
      assert.equal(ours === null, expected === null, `${each}: ${text}`);
      if (ours === null || expected === null) return;
      if (argument.kind.type === 'layers') assert.deepEqual(readLayers(ours.value), readLayers(expected.value));
      else if (argument.kind.type !== 'text' && argument.kind.type !== 'list' && argument.kind.type !== 'layerWeights')
        assert.deepEqual(ours.value, expected.value, `${each}: ${text}`);
    });
  });

  it('agree on names, defaults and choices', function () {
    const asked = spawnSync('python3', ['-c', ASK], { cwd: TRAINER, encoding: 'utf8' });
    // A machine without Python 3.10 cannot run the trainer; its own tests run elsewhere then.
    if (asked.status !== 0 && /SyntaxError|ENOENT|TypeError/.test(asked.stderr)) this.skip();
    assert.equal(asked.status, 0, asked.stderr);
    const theirs = JSON.parse(asked.stdout) as {
      defaults: Record<string, unknown>;
      choices: Record<string, string[]>;
      flags: string[];
    };
    const ours = [...TRAINER_ARGUMENTS, ...START_ARGUMENTS];
    assert.deepEqual(ours.map((a) => a.name).sort(), Object.keys(theirs.defaults).sort());
    for (const argument of ours) {
      assert.deepEqual(argument.default, theirs.defaults[argument.name], argument.name);
      if (argument.kind.type === 'choice')
        assert.deepEqual(argument.choices, theirs.choices[argument.name], argument.name);
      const words =
        argument.kind.type === 'flag' ? [`--${argument.name}`, `--no-${argument.name}`] : [`--${argument.name}`];
      for (const word of words) assert.ok(theirs.flags.includes(word), word);
    }
  });
});
