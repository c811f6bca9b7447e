/** Which run a plan trains: the checkpoint's own, or a new one with a name that says what is different about it. */
import path from 'node:path';
import { EXPERIMENTS } from '../../experiment/runLayout';
import { valueText } from '../../format';
import { checkRunName, freeFolder } from '../../experiment/runName';
import { branchName, changedName } from './branchName';
import type { Plan, PlanMessage, PlannedArgument } from './plan';
import type { PlanKind, PlanRequest } from './request';
import type { PlanSource } from './planSource';

/** Kinds that make a new run wherever they start from. */
const NEW_RUNS: ReadonlySet<PlanKind> = new Set(['start', 'debug', 'branch', 're-run']);

/** Training on from anything but the run's newest checkpoint makes a new run: nothing that came later is buried. */
export function kindOf({ kind, name }: PlanRequest, source: PlanSource): { kind: PlanKind; newRun: boolean } {
  if (NEW_RUNS.has(kind)) return { kind, newRun: true };
  const goesOn =
    source.run !== null && name === undefined && !(source.newest !== null && source.newest.step > source.step);
  return goesOn ? { kind, newRun: false } : { kind: 'branch', newRun: true };
}

interface RunQuestion {
  readonly request: PlanRequest;
  readonly kind: PlanKind;
  readonly newRun: boolean;
  readonly source: PlanSource;
  readonly cwd: string;
  readonly planned: readonly PlannedArgument[];
  /** Folders that other plans will make. */
  readonly taken: ReadonlySet<string>;
}

/** Absolute path of the run's folder; what is wrong with a name that was asked for goes to `errors`. */
export async function runOf(question: RunQuestion, errors: PlanMessage[]): Promise<string> {
  const { request, newRun, source, taken } = question;
  if (!newRun && source.run !== null) return source.run.path;
  const folder = folderOf(question);
  const usual = path.join(folder, usualName(question));
  if (request.name === undefined) return freeFolder(usual, taken);
  const name = request.name.trim();
  const wrong = await checkRunName(name, folder);
  const wanted = path.join(folder, path.basename(name === '' ? 'branch' : name));
  if (wrong === null && !taken.has(wanted)) return wanted;
  const free = path.basename(await freeFolder(wrong === null || wrong.taken ? wanted : usual, taken));
  errors.push({
    code: 'invalid-name',
    message: wrong?.message ?? `A run named ${name} is about to be started already.`,
    remedies: [{ kind: 'plan', label: `Name it ${free}`, request: { name: free } }],
  });
  return wanted;
}

/** Where new runs are made: beside the run that they come from. */
function folderOf({ request, source, cwd }: RunQuestion): string {
  const from = source.run?.path ?? request.from;
  return from === undefined ? path.resolve(cwd, request.experiments ?? EXPERIMENTS) : path.dirname(path.resolve(from));
}

function usualName({ request, kind, source, planned }: RunQuestion): string {
  const changed = planned.filter((item) => item.source === 'changed');
  const changes = Object.fromEntries(changed.map((item) => [item.name, item.value]));
  switch (kind) {
    case 'debug': {
      const [stage = ''] = valueText(planned.find((item) => item.name === 'curriculum_stages')?.value).split(':');
      return `${originOf(source)}-debug-${stage}`;
    }
    case 'start':
      return request.from === undefined
        ? (folderName(request.preset ?? '') ?? startName(planned))
        : (changedName(path.basename(request.from), changes) ?? path.basename(request.from));
    case 're-run': {
      const name = path.basename(request.from ?? '');
      return changedName(name, changes) ?? name;
    }
    case 'resume':
    case 'extend':
    case 'fine-tune':
    case 'branch': {
      if (request.kind === 'fine-tune') delete changes.max_steps;
      const telling = request.kind === 'branch' || request.kind === 'fine-tune';
      return branchName(originOf(source), source.step, telling ? changes : {});
    }
  }
}

/** As the trainer names a run that nobody names: its name for W&B, or its model and the time. */
function startName(planned: readonly PlannedArgument[]): string {
  const text = (name: string): string => valueText(planned.find((item) => item.name === name)?.value);
  const model = text('model_name')
    .split(/[\\/]/)
    .findLast((part) => part !== '');
  const time = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return folderName(text('wandb_name')) ?? `${folderName(model ?? '') ?? 'run'}-${time}`;
}

/** A text as a folder's name; null where nothing of it can be one. */
function folderName(text: string): string | null {
  const name = text
    .replaceAll('/', '-')
    .replace(/[^\w.+=@ -]/g, '')
    .trim();
  return /^\w/.test(name) ? name : null;
}

export function parentOf(newRun: boolean, source: PlanSource): Plan['parent'] {
  if (!newRun || source.path === null) return null;
  return { id: source.run?.id ?? null, run: originOf(source), checkpoint: source.name, step: source.step };
}

/** What a branch is named after: the run, or the checkpoint where there is none around it. */
function originOf(source: PlanSource): string {
  return source.run === null ? source.name : path.basename(source.run.path);
}
