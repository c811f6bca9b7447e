/** The model where the system gives no file watches, or no right to read. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Workspace } from '../../../../src/core/experiment/model';
import { FixtureWorkspace } from '../fixtureWorkspace';
import { Apart, canLimit, hasRights, type Models, openToAll } from './apart';
import { LIMIT_MS } from './shown';

describe('a model with less than it needs', function () {
  this.timeout(10 * LIMIT_MS);
  let ws: FixtureWorkspace;
  let apart: Apart | undefined;

  beforeEach(() => {
    ws = new FixtureWorkspace();
    openToAll(ws.root);
    for (const name of ['a', 'b', 'c']) {
      ws.run(name);
      ws.checkpoint(name, 50);
    }
  });
  afterEach(() => {
    apart?.end();
    apart = undefined;
    ws.remove();
  });

  describe(
    canLimit ? 'where the system has few file watches' : 'where file watches are refused (no namespace here)',
    () => {
      // Of the experiments folder, and two of each run.
      for (const [limit, count, said] of [
        ['watches', 0, /^The system has no file watches left \(raise fs\.inotify\.max_user_watches, then refresh\)/],
        ['watches', 4, /^The system has no file watches left/],
        ['groups', 0, /^Too many files are open or watched \(raise ulimit -n or fs\.inotify\.max_user_instances/],
      ] as const) {
        it(`says so with ${count} ${limit} of them, and finds by scanning what comes and goes`, async () => {
          apart = Apart.withFew(limit, count, ws.root);
          const { degraded, shown } = await apart.isTheDisk(({ degraded: why }) => why !== null);
          assert.match(degraded ?? '', said);
          assert.match(degraded ?? '', /: changes are found by scanning every 5 s\.$/);
          assert.equal(shown.runs.length, 3);
          if (count > 0) await apart.isAtRest();
          ws.checkpoint('a', 100);
          fs.rmSync(path.join(ws.experiments, 'b'), { recursive: true });
          ws.run('late');
          // Once as the timer has it, which is five seconds.
          if (count === 0) await apart.due();
          const later = await apart.isTheDisk((models) => models.shown.runs.some(({ name }) => name === 'late'));
          assert.deepEqual(later.shown.runs.map(({ name, checkpoints }) => [name, checkpoints.length]).sort(), [
            ['a', 2],
            ['c', 1],
            ['late', 0],
          ]);
          assert.equal(later.degraded, degraded);
        });
      }

      it('says so when they run out while it watches, and watches again when there are more', async () => {
        apart = Apart.withFew('watches', 9, ws.root);
        assert.equal((await apart.isTheDisk()).degraded, null);
        for (let more = 0; more < 10; more += 1) ws.run(`more-${more}`);
        const { shown } = await apart.isTheDisk(({ degraded }) => degraded !== null);
        assert.equal(shown.runs.length, 13);
        await apart.allow(1000);
        await apart.rescan('everything');
        assert.equal((await apart.isTheDisk()).degraded, null);
        await apart.isAtRest();
        ws.checkpoint('more-3', 50);
        await apart.isTheDisk();
      });
    },
  );

  describe('without a right', () => {
    before(function () {
      if (!hasRights) this.skip();
    });

    /** Takes rights away, looks at what is said, gives them back, and finds everything as before. */
    async function taken(modes: Readonly<Record<string, number>>, said: readonly RegExp[]): Promise<Models> {
      apart = Apart.withoutRights(ws.root);
      const before = await apart.isTheDisk();
      assert.deepEqual([before.shown.problems, before.degraded], [[], null]);
      await apart.isAtRest();
      const places = Object.keys(modes).map((place) => path.join(ws.experiments, place));
      const usual = places.map((place) => fs.statSync(place).mode);
      let without: Models;
      try {
        for (const [at, mode] of Object.values(modes).entries()) fs.chmodSync(places[at] ?? '', mode);
        // A finished checkpoint is taken to be as it was for some minutes; who comes back to the window looks.
        if (places.some((place) => place.includes('checkpoint-'))) await apart.rescan('everything');
        else await apart.due();
        without = await apart.isTheDisk(({ shown }) => !isDeepStrictEqual(shown, before.shown));
        const told = linesOf(without.shown);
        for (const line of said)
          assert.ok(
            told.some((each) => line.test(each)),
            `${String(line)} in ${told.join('\n')}`,
          );
        assert.equal(told.length, said.length, told.join('\n'));
        // What cannot be watched must not be tried for ever.
        await apart.isAtRest();
      } finally {
        for (const [at, mode] of usual.entries()) fs.chmodSync(places[at] ?? '', mode);
      }
      await apart.due();
      const { shown } = await apart.isTheDisk((models) => linesOf(models.shown).length === 0);
      assert.deepEqual(shown, before.shown);
      return without;
    }

    for (const [mode, said] of [
      [0o000, /^experiments: cannot be read: no permission/],
      [0o311, /^experiments: cannot be read: no permission to read it \(its right r is missing\)$/],
    ] as const) {
      it(`${mode.toString(8)} of the experiments folder: says so, and has its runs again when it is given back`, async () => {
        const { shown } = await taken({ '': mode }, [said]);
        assert.deepEqual(shown.runs, []);
      });
    }

    it('to enter the experiments folder: says so of each run that it knows', async () => {
      const entered =
        /^[abc]: cannot be read: no permission to enter the folder .*experiments \(its right x is missing\)$/;
      await taken({ '': 0o644 }, [entered, entered, entered]);
    });

    it('of runs, checkpoints and files: says so of each, and shows the others as they are', async () => {
      for (const name of ['d', 'e', 'f']) {
        ws.run(name);
        ws.checkpoint(name, 50);
      }
      const { shown } = await taken(
        {
          a: 0o000,
          b: 0o311,
          'c/checkpoints': 0o000,
          'd/checkpoints/checkpoint-50': 0o000,
          'e/checkpoints/checkpoint-50/manifest.json': 0o000,
          'f/run.json': 0o000,
        },
        [
          /^a: cannot be read: no permission/,
          /^b: cannot be read: no permission to read it \(its right r is missing\)$/,
          /^c\/checkpoints\/best\.json: cannot be read: no permission to enter the folder .*checkpoints/,
          /^c\/checkpoints: cannot be read: no permission/,
          /^d, checkpoint-50, broken: cannot be read: no permission/,
          /^e, checkpoint-50, broken: manifest\.json cannot be read: no permission to read it/,
          /^f\/run\.json: cannot be read: no permission to read it/,
        ],
      );
      assert.deepEqual(shown.runs.map(({ name, checkpoints }) => [name, checkpoints.length]).sort(), [
        ['c', 0],
        ['d', 1],
        ['e', 1],
        ['f', 1],
      ]);
    });
  });
});

/** All that is said: problems, and what is wrong with checkpoints. */
function linesOf({ experiments, problems, runs }: Workspace): string[] {
  return [
    ...problems.map(({ path: at, message }) => `${path.relative(experiments, at) || 'experiments'}: ${message}`),
    ...runs.flatMap(({ name, checkpoints }) =>
      checkpoints.flatMap((checkpoint) =>
        checkpoint.stateReason === null
          ? []
          : [`${name}, ${checkpoint.name}, ${checkpoint.state}: ${checkpoint.stateReason}`],
      ),
    ),
  ];
}
