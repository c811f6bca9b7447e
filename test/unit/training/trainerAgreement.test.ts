import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { START_ARGUMENTS, TRAINER_ARGUMENTS } from '../../../src/core/arguments/arguments';

const TRAINER = path.resolve(__dirname, '../../../trainer');

/** What the trainer's own parser says of each argument; needs only Python's standard library. */
const ASK = `
import argparse, json
from npt.arguments import Arguments, build_parser
print(json.dumps({"defaults": Arguments().as_config(), "choices": {
    action.dest: list(action.choices) for action in build_parser()._actions if action.choices},
  "flags": sorted({word for action in build_parser()._actions for word in action.option_strings})}))
`;

describe('the catalogue and the trainer', () => {
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
      const expected = argument.name === 'train_layers' ? '' : theirs.defaults[argument.name];
      assert.deepEqual(argument.default ?? (argument.name === 'train_layers' ? '' : null), expected, argument.name);
      if (argument.kind.type === 'choice')
        assert.deepEqual(argument.choices, theirs.choices[argument.name], argument.name);
      const words =
        argument.kind.type === 'flag' ? [`--${argument.name}`, `--no-${argument.name}`] : [`--${argument.name}`];
      for (const word of words) assert.ok(theirs.flags.includes(word), word);
    }
  });
});
