/** What a request changes of the arguments that a plan starts from. */
import { TRAINER_ARGUMENTS, findArgument } from '../../arguments/arguments';
import { formatValue, valueText } from '../../format';
import type { ScriptHelp } from '../field/help';
import { optionNamed } from '../field/words';
import { modelOfSize } from './freshSource';
import type { PlanMessage } from './plan';
import type { PlanKind, PlanRequest } from './request';
import type { PlanSource } from './planSource';

/** Steps that `extend` adds unless told otherwise, as resume_training.sh does. */
export const DEFAULT_ADDITIONAL_STEPS = 15000;

/** Steps beyond the checkpoint that a kind trains unless told otherwise. */
const STEPS: Partial<Record<PlanKind, number>> = { extend: DEFAULT_ADDITIONAL_STEPS, 'fine-tune': 10000, debug: 2000 };

/** What a fine-tuning takes of the learning rate, as a proposal. */
const SMALLER = 0.1;
const STAGES = ['teacher', 'mixed', 'student'] as const;

/**
 * New values by argument, as config.json would hold them; what is wrong with the others goes to `errors`.
 *
 * @param help another trainer's options, which can be given as they are typed
 */
export function readChanges(
  request: PlanRequest,
  source: PlanSource,
  help: ScriptHelp | null,
  errors: PlanMessage[],
): Map<string, unknown> {
  const changes = new Map<string, unknown>();
  for (const [name, typed] of Object.entries(request.changes ?? {})) {
    const argument = TRAINER_ARGUMENTS.find((known) => known.name === name);
    if (argument === undefined && help !== null && optionNamed(help, name) !== undefined) {
      changes.set(name, typed);
      continue;
    }
    if (argument === undefined) {
      const why = findArgument(name) === undefined ? 'The trainer has no such argument' : 'It is not for changing here';
      errors.push({ code: 'unknown-argument', message: `${name}: ${why}.` });
      continue;
    }
    const wrong = argument.validate(typed);
    if (wrong !== null) errors.push({ code: 'invalid-value', message: `${name}: ${wrong}` });
    else changes.set(name, argument.read(typed));
  }
  addSteps(changes, request, source, errors);
  if (request.kind === 'debug') jump(changes, request, source, errors);
  if (request.kind === 'fine-tune' && !('learning_rate' in (request.changes ?? {}))) askForRate(source, errors);
  // The trainer does the same, and a plan shows what will be used.
  if (changes.get('triple_modulation') === true) changes.set('dual_modulation', true);
  if (changes.has('train_file') && !changes.has('dataset_preset')) changes.set('dataset_preset', 'custom');
  if (source.path === null && changes.has('model_size') && !changes.has('model_name')) {
    changes.set('model_name', modelOfSize(changes.get('model_size')));
  }
  return changes;
}

function addSteps(
  changes: Map<string, unknown>,
  { kind, additionalSteps }: PlanRequest,
  source: PlanSource,
  errors: PlanMessage[],
): void {
  const steps = additionalSteps ?? (changes.has('max_steps') ? undefined : STEPS[kind]);
  if (steps === undefined) return;
  if (Number.isSafeInteger(steps) && steps > 0) changes.set('max_steps', source.step + steps);
  else {
    errors.push({
      code: 'invalid-value',
      message: `${steps} is not a number of additional steps (a whole number from 1).`,
    });
  }
}

/** One stage for the whole of what is trained, so that the checkpoint's step is in it. */
function jump(changes: Map<string, unknown>, { stage }: PlanRequest, source: PlanSource, errors: PlanMessage[]): void {
  if (changes.has('curriculum_stages')) return;
  if (stage === undefined) {
    errors.push({
      code: 'missing-value',
      message: `Name the stage to jump to: ${STAGES.join(', ')}.`,
      remedies: STAGES.map((name) => ({ kind: 'plan', label: `Debug the stage ${name}`, request: { stage: name } })),
    });
    return;
  }
  const [name = '', ...ratios] = stage.split(':').map((part) => part.trim());
  const usual = source.curriculum?.stages.find((each) => each.name === 'mixed')?.mixingRatio ?? 0.5;
  const own = name === 'mixed' && ratios.length === 0 ? [valueText(usual)] : ratios;
  const typed = [name, valueText(changes.get('max_steps') ?? source.step + 1), ...own].join(':');
  const argument = findArgument('curriculum_stages');
  const wrong = argument?.validate(typed) ?? null;
  if (wrong !== null) errors.push({ code: 'invalid-value', message: `The stage "${stage}": ${wrong}` });
  else changes.set('curriculum_stages', typed);
}

function askForRate(source: PlanSource, errors: PlanMessage[]): void {
  const rate = source.schedule?.baseRate ?? source.arguments.get('learning_rate')?.value;
  errors.push({
    code: 'missing-value',
    message: 'Fine-tuning takes another learning_rate: give one.',
    argument: 'learning_rate',
    ...(typeof rate === 'number' ? { proposal: formatValue(rate * SMALLER) } : {}),
  });
}
