/** What a policy takes: single rules, and of a thousand random workspaces that it never takes what nobody may. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CheckpointPathError } from '../../../src/core/checkpoint/pathErrors';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Checkpoint, Run, RunParent, RunProcess, Workspace } from '../../../src/core/experiment/model';
import { Held } from '../../../src/core/experiment/retention/held';
import { policyText, readCount, type RetentionPolicy } from '../../../src/core/experiment/retention/policy';
import { retentionOf } from '../../../src/core/experiment/retention/retention';
import { aCheckpoint, aRun } from '../model/builders';

const CASES = Number(process.env['NPT_STRESS'] ?? 1000);
const KEEP_LAST: RetentionPolicy = { last: 1, best: 0, every: 0, broken: false };
const always = (): Promise<boolean> => Promise.resolve(true);

function heldOf(...workspaces: readonly Pick<Workspace, 'runs' | 'problems'>[]): Held {
  return new Held(workspaces, new Lineage(workspaces));
}

async function fates(
  run: Run,
  policy: Partial<RetentionPolicy> = {},
  held = heldOf({ runs: [run], problems: [] }),
  isValid: (checkpoint: string) => Promise<boolean> = always,
): Promise<{ readonly goes: readonly string[]; readonly why: Readonly<Record<string, string>> }> {
  const { goes, stays } = await retentionOf(run, { ...KEEP_LAST, ...policy }, held, isValid);
  assert.equal(goes.length + stays.length, run.checkpoints.length + (run.final === null ? 0 : 1));
  return {
    goes: goes.map(({ checkpoint }) => checkpoint.name),
    why: Object.fromEntries([...goes, ...stays].map(({ checkpoint, why }) => [checkpoint.name, why])),
  };
}

const withSteps = (steps: readonly number[], of: (step: number) => Partial<Checkpoint> = () => ({})): Run => {
  const run = aRun('a');
  return { ...run, checkpoints: steps.map((step) => aCheckpoint(step, run.path, of(step))) };
};

describe('what a policy takes of a run', () => {
  it('says of each why it goes or stays', async () => {
    const run = withSteps([100, 200, 300, 400, 500, 600], (step) => ({
      pinned: step === 100,
      best: step === 200,
      loss: step === 400 ? 1 : 2,
    }));
    const { goes, why } = await fates(run, { last: 2, best: 1, every: 300 });
    assert.deepEqual(goes, []);
    assert.deepEqual(why, {
      'checkpoint-100': 'is pinned',
      'checkpoint-200': 'is the best',
      'checkpoint-300': 'is at a multiple of 300 steps',
      'checkpoint-400': 'is the best by loss',
      'checkpoint-500': 'is one of the last 2',
      'checkpoint-600': 'is the newest valid one',
    });
    const less = await fates(run, { last: 2 });
    assert.deepEqual(less.goes, ['checkpoint-300', 'checkpoint-400']);
    assert.equal(less.why['checkpoint-300'], 'is none of the last 2 and the best');
  });

  it('holds evaluations higher than losses, and takes nothing that is no number for the best', async () => {
    const run = withSteps([1, 2, 3, 4], (step) => ({
      loss: step,
      evalLoss: { 1: NaN, 2: 5, 3: 4, 4: null }[step] ?? null,
    }));
    assert.deepEqual((await fates(run, { best: 1 })).goes, ['checkpoint-1', 'checkpoint-2']);
    assert.deepEqual((await fates(run, { best: 2 })).goes, ['checkpoint-1']);
    const unevaluated = withSteps([1, 2, 3, 4], (step) => ({ loss: step === 1 ? NaN : step }));
    assert.deepEqual((await fates(unevaluated, { best: 1 })).goes, ['checkpoint-1', 'checkpoint-3']);
  });

  it('counts only valid ones among the best', async () => {
    const run = withSteps([1, 2, 3, 4], (step) => ({ loss: step }));
    const valid = (checkpoint: string): Promise<boolean> => Promise.resolve(!checkpoint.endsWith('-1'));
    const { goes, why } = await fates(run, { best: 1 }, undefined, valid);
    assert.deepEqual(goes, ['checkpoint-3']);
    assert.equal(why['checkpoint-1'], 'is not valid, and neither counts nor goes');
  });

  it('takes those that are not valid where that is asked for, but never one that is pinned', async () => {
    const run = withSteps([1, 2, 3, 4], (step) => ({ pinned: step === 2 }));
    const valid = (checkpoint: string): Promise<boolean> => Promise.resolve(/-[34]$/.test(checkpoint));
    assert.deepEqual((await fates(run, { last: 3, broken: true }, undefined, valid)).goes, ['checkpoint-1']);
    assert.deepEqual((await fates(run, { last: 3, every: 1, broken: true }, undefined, valid)).goes, ['checkpoint-1']);
  });

  it('reads nothing of a run that has no more than may stay, and does not fail where one went', async () => {
    const gone = (checkpoint: string): Promise<boolean> => Promise.reject(new CheckpointPathError(checkpoint));
    const unasked = (): Promise<boolean> => Promise.reject(new Error('was asked'));
    assert.deepEqual((await fates(withSteps([1, 2]), { last: 2, best: 5 }, undefined, unasked)).goes, []);
    assert.deepEqual((await fates(withSteps([1, 2, 3]), {}, undefined, gone)).goes, []);
  });

  const process = { host: 'other', pid: 1, segment: 1 } as RunProcess;
  const busy: readonly (readonly [string, Partial<Run>, RegExp])[] = [
    ['trains', { state: 'training' }, /is training/],
    ['waits', { state: 'queued' }, /in the queue/],
    ['could not be started', { state: 'failed', queue: { id: 'x', position: null, failure: 'no GPU' } }, /queue/],
    ['is elsewhere', { process, processState: { liveness: 'elsewhere', detail: null } }, /process on other/],
    ['has a process that nobody asked', { process, processState: null }, /process on other/],
    ['has a job that waits', { process, processState: { liveness: 'waiting', detail: null } }, /process on other/],
  ];
  for (const [what, rest, words] of busy) {
    it(`keeps everything of a run that ${what}`, async () => {
      const { goes, why } = await fates({ ...withSteps([1, 2, 3]), ...rest });
      assert.deepEqual(goes, []);
      assert.match(why['checkpoint-1'] ?? '', words);
    });
  }

  for (const [file, words] of [
    ['pins.json', /^pins\.json is not JSON: any checkpoint may be pinned$/],
    ['checkpoints/best.json', /^best\.json is not JSON: any checkpoint may be the best$/],
    ['process.json', /^process\.json is not JSON: the run may be training$/],
  ] as const) {
    it(`keeps everything where ${file} cannot be read`, async () => {
      const run = withSteps([1, 2, 3]);
      const problems = [{ path: `${run.path}/${file}`, message: 'is not JSON' }];
      const { goes, why } = await fates(run, {}, heldOf({ runs: [run], problems }));
      assert.deepEqual(goes, []);
      assert.match(why['checkpoint-1'] ?? '', words);
    });
  }

  it('leaves alone what does not lie where our trainer keeps checkpoints', async () => {
    const run = aRun('a');
    const { goes, why } = await fates({
      ...run,
      checkpoints: [1, 2, 3].map((step) => aCheckpoint(step, run.path, { path: `${run.path}/checkpoint-${step}` })),
    });
    assert.deepEqual(goes, []);
    assert.match(why['checkpoint-1'] ?? '', /left to the trainer that wrote them$/);
  });

  const parent = (id: string | null, name: string, step: number): RunParent => ({
    id,
    run: name,
    checkpoint: `checkpoint-${step}`,
    step,
  });

  it('keeps where runs of other workspaces branched, by id, and by name where there is no id', async () => {
    const run = withSteps([1, 2, 3, 4]);
    const byId = aRun('b', { parent: parent('id-a', 'renamed since', 2) });
    const byName = aRun('c', { parent: parent(null, 'a', 1) });
    const another = aRun('d', { parent: parent('id-z', 'a', 3) });
    const held = heldOf({ runs: [run], problems: [] }, { runs: [byId, byName, another], problems: [] });
    const { goes, why } = await fates(run, {}, held);
    assert.deepEqual(goes, ['checkpoint-3']);
    assert.equal(why['checkpoint-2'], 'b branched from it');
  });

  it('keeps it in each folder that has the id, and in a circle, too', async () => {
    const run = withSteps([1, 2, 3]);
    const copy = {
      ...run,
      path: '/other/a',
      checkpoints: [1, 2, 3].map((step) => aCheckpoint(step, '/other/a')),
      parent: parent('id-b', 'b', 100),
    };
    const circle = aRun('b', { parent: parent('id-a', 'a', 2) });
    const held = heldOf(
      { runs: [{ ...run, parent: copy.parent }, circle], problems: [] },
      { runs: [copy], problems: [] },
    );
    assert.deepEqual((await fates(run, {}, held)).goes, ['checkpoint-1']);
    assert.deepEqual((await fates(copy, {}, held)).goes, ['checkpoint-1']);
  });

  it('reads numbers as people type them', () => {
    assert.deepEqual(
      ['3', ' 10,000 ', '10 000', '0', '', '-1', '1.5', '1,00', '1e3', '9'.repeat(40)].map((text) =>
        readCount(text, 0),
      ),
      [3, 10_000, 10_000, 0, null, null, null, null, null, null],
    );
    assert.equal(readCount('0', 1), null);
    assert.equal(
      policyText({ ...KEEP_LAST, last: 3, best: 2, every: 10_000 }),
      'the last 3, the best 2 and each 10,000 steps',
    );
    assert.equal(policyText(KEEP_LAST), 'the newest and the best');
  });
});

/** What a random checkpoint is, beside its step. */
const CHECKPOINT = fc.record({
  step: fc.integer({ min: 1, max: 12 }).map((step) => step * 50),
  valid: fc.boolean(),
  pinned: fc.boolean(),
  best: fc.boolean(),
  state: fc.constantFrom('complete', 'complete', 'complete', 'writing', 'broken'),
  loss: fc.constantFrom(null, NaN, 1, 2, 3),
  evalLoss: fc.constantFrom(null, null, Infinity, 1, 2, 3),
});

const RUN = fc.record({
  checkpoints: fc.uniqueArray(CHECKPOINT, { selector: ({ step }) => step, maxLength: 12 }),
  hasId: fc.boolean(),
  hasFinal: fc.boolean(),
  state: fc.constantFrom('training', 'queued', 'stopped', 'interrupted', 'failed', 'finished'),
  liveness: fc.constantFrom(null, null, 'alive', 'waiting', 'dead', 'elsewhere'),
  unread: fc.constantFrom(null, null, null, null, 'pins.json', 'checkpoints/best.json', 'process.json'),
  parent: fc.option(fc.record({ of: fc.nat(), byName: fc.boolean(), step: fc.integer({ min: 1, max: 12 }) })),
  workspace: fc.nat(1),
});

const POLICY: fc.Arbitrary<RetentionPolicy> = fc.record({
  last: fc.integer({ min: 1, max: 6 }),
  best: fc.nat(4),
  every: fc.constantFrom(0, 50, 100, 250),
  broken: fc.boolean(),
});

type RandomRun = typeof RUN extends fc.Arbitrary<infer T> ? T : never;

interface RandomWorkspaces {
  readonly runs: readonly Run[];
  readonly workspaces: readonly Pick<Workspace, 'runs' | 'problems'>[];
  readonly valid: ReadonlySet<string>;
}

function made(drawn: readonly RandomRun[]): RandomWorkspaces {
  const valid = new Set<string>();
  const names = drawn.map((_, at) => `r${at}`);
  const runs = drawn.map((each, at): Run => {
    const name = names[at] ?? '';
    const run = aRun(name, { state: each.state });
    const checkpoints = each.checkpoints
      .map(({ step, valid: isValid, ...rest }) => {
        const checkpoint = aCheckpoint(step, run.path, rest);
        if (isValid && checkpoint.state === 'complete') valid.add(checkpoint.path);
        return checkpoint;
      })
      .sort((a, b) => a.step - b.step);
    const parentAt = each.parent === null ? -1 : each.parent.of % drawn.length;
    return {
      ...run,
      id: each.hasId ? run.id : null,
      checkpoints,
      final: each.hasFinal
        ? aCheckpoint(600, run.path, { name: 'final', path: `${run.path}/checkpoints/final` })
        : null,
      process: each.liveness === null ? null : ({ host: 'h', pid: 1 } as RunProcess),
      processState: each.liveness === null ? null : { liveness: each.liveness as 'alive', detail: null },
      parent:
        each.parent === null || parentAt === at
          ? null
          : {
              id: each.parent.byName || drawn[parentAt]?.hasId !== true ? null : `id-r${parentAt}`,
              run: names[parentAt] ?? '',
              checkpoint: `checkpoint-${each.parent.step * 50}`,
              step: each.parent.step * 50,
            },
    };
  });
  const workspaces = [0, 1].map((workspace) => ({
    runs: runs.filter((_, at) => drawn[at]?.workspace === workspace),
    problems: runs.flatMap((run, at) => {
      const unread = drawn[at]?.unread ?? null;
      return unread === null || drawn[at]?.workspace !== workspace
        ? []
        : [{ path: `${run.path}/${unread}`, message: 'is not JSON' }];
    }),
  }));
  return { runs, workspaces, valid };
}

/** Said once more and in other words than held.ts: what is never taken. */
function mayNever(
  { runs, workspaces, valid }: RandomWorkspaces,
  run: Run,
  { step, name, ...checkpoint }: Checkpoint,
): boolean {
  const newestValid = run.checkpoints.findLast((each) => valid.has(each.path));
  const isOrigin = runs.some(
    ({ parent }) => parent?.step === step && (parent.id === null ? parent.run === run.name : parent.id === run.id),
  );
  return (
    checkpoint.pinned ||
    checkpoint.best ||
    checkpoint.state === 'writing' ||
    name === 'final' ||
    checkpoint.path === newestValid?.path ||
    isOrigin ||
    run.state === 'training' ||
    run.state === 'queued' ||
    (run.processState !== null && run.processState.liveness !== 'dead') ||
    workspaces.some(({ problems }) => problems.some((problem) => problem.path.startsWith(`${run.path}/`)))
  );
}

describe('whatever the policy', () => {
  it(`takes of ${CASES} random workspaces nothing that is pinned, best, newest valid, branched from, or of a run that may train`, async function () {
    this.timeout(120_000);
    let taken = 0;
    let invalid = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(RUN, { minLength: 1, maxLength: 6 }), POLICY, async (drawn, policy) => {
        const random = made(drawn);
        const held = heldOf(...random.workspaces);
        const lineage = new Lineage(random.workspaces);
        const isValid = (checkpoint: string): Promise<boolean> => Promise.resolve(random.valid.has(checkpoint));
        for (const run of random.runs) {
          const { goes, stays } = await retentionOf(run, policy, held, isValid);
          const all = [...goes, ...stays].map(({ checkpoint }) => checkpoint.path).sort();
          const known = [...run.checkpoints, ...(run.final === null ? [] : [run.final])];
          assert.deepEqual(all, known.map((checkpoint) => checkpoint.path).sort());
          for (const { checkpoint, why } of [...goes, ...stays]) assert.match(why, /^[^\n]+$/, checkpoint.name);
          for (const { checkpoint } of goes) {
            taken += 1;
            assert.ok(!mayNever(random, run, checkpoint), checkpoint.path);
            assert.deepEqual(lineage.branchesAt(checkpoint), []);
            if (random.valid.has(checkpoint.path)) continue;
            invalid += 1;
            assert.ok(policy.broken, checkpoint.path);
          }
          const left = stays.filter(({ checkpoint }) => random.valid.has(checkpoint.path)).length;
          const before = run.checkpoints.filter((checkpoint) => random.valid.has(checkpoint.path)).length;
          assert.ok(left >= Math.min(before, policy.last), `${left} of ${before} valid ones stay`);
        }
      }),
      { numRuns: CASES },
    );
    assert.ok(taken > CASES / 10 && invalid > 0, `${taken} taken, ${invalid} of them not valid`);
  });
});
