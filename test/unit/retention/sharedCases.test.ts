/** The cases that the trainer's `--save_total_limit` is held to, too (test/fixtures/retention), on disk and deleted for real. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { deleteCheckpoints } from '../../../src/core/experiment/deleteCheckpoints';
import { Lineage } from '../../../src/core/experiment/lineage';
import { planRunCleanUp } from '../../../src/core/experiment/retention/cleanUp';
import { Held } from '../../../src/core/experiment/retention/held';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';

interface Case {
  readonly name: string;
  readonly limit: number;
  readonly id?: string | null;
  readonly checkpoints: Readonly<Record<string, 'valid' | 'damaged' | 'empty'>>;
  readonly pinned?: readonly string[];
  readonly best?: string;
  readonly final?: string;
  readonly branches?: Readonly<Record<string, object | null>>;
  readonly goes: readonly string[];
}

const { cases } = JSON.parse(
  readFileSync(path.join(__dirname, '../../fixtures/retention/cases.json'), 'utf8'),
) as unknown as { readonly cases: readonly Case[] };

const isValid = async (checkpoint: string): Promise<boolean> =>
  (await validateCheckpoint(checkpoint, { blocking: true })).verdict === 'valid';

function make(ws: FixtureWorkspace, { id, checkpoints, pinned, best, final, branches }: Case): string {
  const folder = path.join(ws.run('a', { run: { id: id === undefined ? 'A' : id } }), 'checkpoints');
  mkdirSync(folder);
  for (const [step, kind] of Object.entries(checkpoints)) {
    if (kind === 'empty') {
      mkdirSync(path.join(folder, `checkpoint-${step}`));
      continue;
    }
    const weights = path.join(ws.checkpoint('a', Number(step)), 'npt_weights.pt');
    if (kind === 'damaged') truncateSync(weights, Math.floor(statSync(weights).size / 2));
  }
  ws.write('a/pins.json', { schema: 1, checkpoints: pinned ?? [] });
  if (best !== undefined) ws.write('a/checkpoints/best.json', { schema: 1, checkpoint: best });
  if (final !== undefined) symlinkSync(final, path.join(folder, 'final'));
  for (const [name, run] of Object.entries(branches ?? {})) {
    ws.write(`${name}/run.json`, run === null ? '' : { schema: 1, ...run });
  }
  return folder;
}

describe('what a limit deletes, as the trainer does', () => {
  it('there are cases', () => {
    assert.ok(cases.length > 10);
  });

  for (const each of cases) {
    it(each.name, async () => {
      const ws = new FixtureWorkspace();
      try {
        const folder = make(ws, each);
        const before = readdirSync(folder);
        const workspace = await scanWorkspace(ws.root);
        const run = workspace.runs.find(({ name }) => name === 'a');
        assert.ok(run);
        const policy = { last: each.limit, best: 0, every: 0, broken: false };
        const held = new Held([workspace], new Lineage([workspace]));
        const { plan, goes } = await planRunCleanUp(run, policy, held, isValid);
        assert.deepEqual(
          goes.map(({ checkpoint }) => checkpoint.name),
          each.goes,
        );
        if (plan !== null) assert.deepEqual((await deleteCheckpoints(plan, isValid)).kept, []);
        const after = readdirSync(folder);
        assert.deepEqual(
          after,
          before.filter((name) => !each.goes.includes(name)),
        );
      } finally {
        ws.remove();
      }
    });
  }
});
