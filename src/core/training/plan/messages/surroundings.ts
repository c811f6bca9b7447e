/** What a plan needs around it: the script, the launcher, an interpreter with what training needs. */
import path from 'node:path';
import { shownSecrets } from '../../launchers';
import type { Surroundings } from '../planDraft';
import type { Say } from './say';

export function judgeSurroundings(around: Surroundings, { warn, refuse }: Say): void {
  const { cwd, script, scriptFailure: failure, launch, launchFailures, interpreter, lacks } = around;
  if (failure !== null) {
    refuse(
      'script-missing',
      failure === 'does not exist'
        ? `There is no training script ${script} in ${cwd}: create a training workspace there, or set npt.trainScript.`
        : `The training script ${path.resolve(cwd, script)} ${failure}.`,
      {
        remedies: [
          { kind: 'create-workspace', label: 'Create a training workspace' },
          { kind: 'open-setting', label: 'Name another script', name: 'npt.trainScript' },
        ],
      },
    );
  }
  for (const { code, message } of launchFailures) {
    refuse(code, message, {
      remedies:
        code === 'launcher-unsupported'
          ? [{ kind: 'open-setting', label: 'Choose another launcher', name: 'npt.launcher' }]
          : [{ kind: 'open-setting', label: 'Change the environment', name: 'npt.environment' }],
    });
  }
  const secrets = shownSecrets(launch.environment);
  if (secrets.length > 0) {
    warn(
      'secret-shown',
      `${secrets.join(' and ')} in npt.environment.variables can be read by everybody who sees this plan or this machine's processes: put it into the file of npt.environment.envFile.`,
      { remedies: [{ kind: 'open-setting', label: 'Name a file', name: 'npt.environment.envFile' }] },
    );
  }
  if (lacks.length > 0) {
    refuse('interpreter-lacks', `${interpreter} does not have ${lacks.join(' and ')}, which training needs.`, {
      remedies: [
        { kind: 'install-requirements', label: 'Install what is missing' },
        { kind: 'choose-interpreter', label: 'Choose another interpreter' },
      ],
    });
  }
}
