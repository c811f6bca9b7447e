/** `check`: what training needs here, and whether it is there. Changes nothing. */
import path from 'node:path';
import { allCheckpoints } from '../core/experiment/checkpoints';
import { scanWorkspace } from '../core/experiment/scan';
import { canTrain, checkEnvironment } from '../core/training/environment/checkEnvironment';
import type { Standing } from '../core/training/environment/entry';
import { readLaunch } from '../core/training/launchers';
import { launchFrom } from '../core/training/launchSettings';
import { DEFAULT_SCRIPT } from '../core/training/plan/makePlan';
import { pythonOf } from './launch';
import type { Command } from './options';
import { SUMMARIES } from './summaries';
import { table } from './table';
import { EXPERIMENTS_OPTION, namedWorkspace } from './workspace';

const WORDS: Readonly<Record<Standing, string>> = { good: 'ok', note: 'note', bad: 'missing' };

export const checkCommand: Command = {
  ...SUMMARIES.check,
  details: ['Exits with 0 when training can start, 1 when something is in its way.'],
  positionals: { least: 0, most: 1 },
  options: {
    python: {
      type: 'string',
      value: 'PATH',
      description: 'Interpreter that trains [npt.pythonPath of the settings, .venv of the workspace, python3].',
    },
    script: {
      type: 'string',
      value: 'FILE',
      description: `Training script, in the workspace [npt.trainScript of its settings, ${DEFAULT_SCRIPT}].`,
    },
    experiments: EXPERIMENTS_OPTION,
  },
  async run(invocation) {
    const { root, settings, experimentsFolder } = await namedWorkspace(invocation);
    const { experiments, runs } = await scanWorkspace(root, { experimentsFolder });
    const newest = runs.flatMap(allCheckpoints).sort((a, b) => b.time - a.time)[0];
    const entries = await checkEnvironment({
      root,
      script: invocation.option('script') ?? settings.text('trainScript') ?? DEFAULT_SCRIPT,
      experiments,
      python: { path: await pythonOf(root, invocation, settings) },
      launch: readLaunch(launchFrom(settings.read, settings.file)).launch,
      // Beside dist/, in the package as in the clone.
      asks: path.join(__dirname, '..', 'supervisor', 'npt_environment.py'),
      checkpointBytes: newest?.bytes ?? null,
    });
    return {
      document: { workspace: root, canTrain: canTrain(entries), entries },
      text: table(entries.map(({ title, standing, text }) => [WORDS[standing], title, text])),
      yes: canTrain(entries),
    };
  },
};
