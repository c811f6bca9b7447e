/** The command lines of a plan. */
import { type TrainerArgument, findArgument } from '../../arguments/arguments';
import type { FieldCommand } from '../field/command';
import { spellingFor } from '../field/words';
import { launcherOf } from '../launchers';
import type { Plan } from './plan';
import type { PlanDraft } from './planDraft';
import type { PlanRequest } from './request';
import { inWorkspace } from './trainerScript';

/** The words that train, and those of a later start, interpreter first. */
export function commandsOf(draft: PlanDraft): Pick<Plan, 'argv' | 'again'> {
  const { request, source, cwd, newRun, run, launch } = draft;
  // Our trainer reads its own checkpoints' arguments itself. Of other trainers' config.json it knows at most seven, under
  // their names; the rest is in their tensors and their run (contract section 7): all that was found is passed.
  const ours = draft.arguments.flatMap(({ name, value, source: from, previous }) => {
    const changed = from === 'changed' || from === 'answered' || (from === 'run' && previous !== null);
    const usable = source.arguments.get(name)?.refused === undefined;
    return changed || (usable && source.passed.has(name)) ? argvOfArgument(findArgument(name), value) : [];
  });
  const { field } = draft;
  const words = field?.args ?? ours;
  const trainer = { interpreter: interpreterOf(request), script: draft.script };
  const args = [
    ...(source.path === null
      ? []
      : placeWords(field, 'resume', inWorkspace(resumesRun(draft) ? run : source.path, cwd))),
    // Named for a resume, too, that passes newer checkpoints over: the trainer would branch from under them.
    ...(newRun || (source.passedOver && field === null) ? placeWords(field, 'output', inWorkspace(run, cwd)) : []),
    ...words,
  ];
  const launcher = launcherOf(launch.kind);
  const first = { ...trainer, args };
  // The run's own newest checkpoint holds everything that was changed; another trainer's script takes no run for one.
  const again = field === null ? { ...trainer, args: ['--resume_from', inWorkspace(run, cwd)] } : first;
  return {
    argv: launcher.argv({ launch, run, cwd, fromStep: source.step, first, again }),
    again: launcher.argv({ launch, run, cwd, fromStep: source.step, first: again, again }),
  };
}

/**
 * Whether the run itself is named, so that the trainer takes its newest valid checkpoint when it starts: a plan may have waited,
 * in a review or in the queue. Not where what was read of just this checkpoint is passed, or where newer ones are passed over that
 * only our validation knows to be wrong.
 */
function resumesRun({ kind, newRun, source, field }: PlanDraft): boolean {
  return (
    kind === 'resume' && source.namesRun && !newRun && field === null && !source.passedOver && source.passed.size === 0
  );
}

const PLACES = { resume: 'resume_from', output: 'output_dir' } as const;

/** A path behind the option that takes it; another trainer's script may have none. */
function placeWords(field: FieldCommand | null, what: keyof typeof PLACES, place: string): string[] {
  const option = field?.[what];
  if (field === null) return [`--${PLACES[what]}`, place];
  return option === undefined ? [] : [spellingFor(option, PLACES[what]), place];
}

export function interpreterOf(request: PlanRequest): string {
  return request.interpreter ?? (process.platform === 'win32' ? 'python' : 'python3');
}

function argvOfArgument(argument: TrainerArgument | undefined, value: unknown): string[] {
  if (argument === undefined || value === null || (Array.isArray(value) && value.length === 0)) return [];
  return argument.argv(value);
}
