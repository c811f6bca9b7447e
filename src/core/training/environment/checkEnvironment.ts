/** Whether training can start here, and what is missing: for the window and for the command line. */
import { NoAnswer } from '../../askPython';
import type { Launch, LauncherKind } from '../launchers';
import { CHECKS } from './checks';
import type { EnvironmentEntry } from './entry';
import { type PythonFacts, pythonFacts } from './pythonFacts';
import { requirementsOf } from './requirements';

/** Packages that training can do without. */
const OPTIONAL = ['wandb', 'datasets'];

export interface EnvironmentQuestion {
  /** The training workspace. */
  readonly root: string;
  /** The training script, relative to it. */
  readonly script: string;
  /** Absolute path of the folder that holds the runs. */
  readonly experiments: string;
  /** The interpreter that trains, or in one sentence why there is none. */
  readonly python: { readonly path: string } | { readonly failure: string };
  /** What starts training. */
  readonly launch: Launch<LauncherKind>;
  /** Path of npt_environment.py, which ships in supervisor/. */
  readonly asks: string;
  /** Size of the newest checkpoint in bytes; null where there is none yet. */
  readonly checkpointBytes: number | null;
}

/** Changes nothing. What cannot be found out is an entry that says so. */
export async function checkEnvironment(question: EnvironmentQuestion): Promise<EnvironmentEntry[]> {
  const { root, script, experiments, checkpointBytes, launch } = question;
  const requirements = await requirementsOf(root);
  const python = 'path' in question.python ? question.python.path : null;
  let failure = 'failure' in question.python ? question.python.failure : '';
  let facts: PythonFacts | null = null;
  if (python !== null) {
    try {
      facts = await pythonFacts(python, question.asks, [...requirements.map(({ name }) => name), ...OPTIONAL], root);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      failure = `${python} cannot be used: ${error.message.replace(/\.$/, '')}.`;
    }
  }
  const surroundings = { root, script, experiments, python, facts, failure, requirements, launch, checkpointBytes };
  const found = await Promise.all(CHECKS.map(async (check) => check(surroundings)));
  return found.flat();
}

export function canTrain(entries: readonly EnvironmentEntry[]): boolean {
  return entries.every(({ standing }) => standing !== 'bad');
}
