import assert from 'node:assert/strict';
import { ESLint, Linter } from 'eslint';

/** What the rule says of a file as the project's configuration applies it. */
async function refusals(file: string, code: string): Promise<number> {
  const config = (await new ESLint().calculateConfigForFile(file)) as { rules: Linter.RulesRecord };
  const rule = config.rules['no-restricted-syntax'];
  return rule === undefined ? 0 : new Linter().verify(code, { rules: { 'no-restricted-syntax': rule } }).length;
}

describe('the lint rule of the names of files', () => {
  for (const name of [
    'run.json',
    'process.json',
    'exit.json',
    'pins.json',
    'notes.md',
    'backups.json',
    'best.json',
    'wandb.json',
    'train.log',
    'metrics.jsonl',
    'trainer_state.json',
    'experiments',
    'checkpoints',
    'config.json',
    'npt_weights.pt',
  ]) {
    it(`refuses ${name} where it is written once more`, async () => {
      assert.equal(await refusals('src/core/experiment/scanRun.ts', `join(run, '${name}');`), 1);
      assert.equal(await refusals('src/features/manage/index.ts', `join(run, '${name}');`), 1);
    });
  }

  it('allows them where they are, and in texts for people', async () => {
    assert.equal(await refusals('src/core/experiment/runLayout.ts', "const BIRTH = 'run.json';"), 0);
    assert.equal(await refusals('src/core/metrics/sources/ours.ts', "const file = 'metrics.jsonl';"), 0);
    assert.equal(await refusals('src/core/checkpoint/fileNames.ts', "const CONFIG = 'config.json';"), 0);
    assert.equal(await refusals('src/cli/list.ts', "print(n === 1 ? 'checkpoint' : 'checkpoints');"), 0);
    assert.equal(await refusals('src/cli/list.ts', "option('experiments');"), 0);
    assert.equal(await refusals('src/features/manage/index.ts', "t('{0} has no train.log.', run.name);"), 0);
  });
});
