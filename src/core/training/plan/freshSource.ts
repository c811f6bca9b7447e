/** What a run starts with that begins from nothing: a preset's arguments, another run's, or those of its original command. */
import path from 'node:path';
import { type TrainerArgument, TRAINER_ARGUMENTS, findArgument } from '../../arguments/arguments';
import { isNothing } from '../../arguments/argumentValues';
import { ScanContext, scanRun } from '../../experiment/scan';
import { valueText } from '../../format';
import { askProcess } from '../launchers';
import { originalCommand } from './originalCommand';
import type { ArgumentSource, PlanMessage } from './plan';
import type { PlanRequest } from './request';
import { type PlanSource, PlanSourceError, readPlanSource } from './planSource';
import { readPresets } from './presets';
import { type StoredArgument, curriculumOf, fitStride, readStored } from './storedArguments';

type Given = Map<string, StoredArgument>;

/**
 * For a `start`.
 *
 * @param cwd absolute path of the training workspace
 * @throws PlanSourceError
 */
export async function startSource(request: PlanRequest, cwd: string): Promise<PlanSource> {
  const given: Given = new Map();
  if (request.from !== undefined) await takeSettings(given, request.from, request);
  if (request.preset !== undefined) await takePreset(given, request.preset, cwd);
  return freshSource(given, request);
}

/**
 * For a `re-run`: from nothing, or from the checkpoint that the original command went on from.
 *
 * @throws PlanSourceError
 */
export async function reRunSource(request: PlanRequest, cwd: string): Promise<PlanSource> {
  const run = request.from;
  if (run === undefined) throw new PlanSourceError('not-found', 'Name the run whose command is to be run again.');
  const command = await originalCommand(run, cwd);
  if (command === null) {
    const given: Given = new Map();
    await takeSettings(given, run, request);
    const message = `${path.basename(run)} does not keep the command that it was started with: its settings are taken from its files.`;
    return freshSource(given, request, [{ code: 'command-unknown', message }]);
  }
  const warnings: PlanMessage[] = [];
  if (command.unknown.length > 0) {
    const words = command.unknown.join(' ');
    warnings.push({ code: 'words-left-out', message: `The original command also had ${words}, which is left out.` });
  }
  const given: Given = new Map();
  take(given, Object.fromEntries(command.values), 'command line');
  if (command.resumedFrom === null) return freshSource(given, request, warnings);
  return over(await checkpointOf(command.resumedFrom, run, request), given, warnings);
}

async function checkpointOf(checkpoint: string, run: string, request: PlanRequest): Promise<PlanSource> {
  try {
    return await readPlanSource(checkpoint, request.notValid);
  } catch (error) {
    if (!(error instanceof PlanSourceError)) throw error;
    throw new PlanSourceError(error.code, error.message, [
      {
        kind: 'plan',
        label: `Start from nothing with the settings of ${path.basename(run)}`,
        request: { kind: 'start', from: run, checkpoint: undefined },
      },
    ]);
  }
}

/** A checkpoint's source with other values on top, which have to be passed. */
function over(source: PlanSource, given: Given, warnings: readonly PlanMessage[]): PlanSource {
  return {
    ...source,
    arguments: new Map([...source.arguments, ...given]),
    passed: new Set([...source.passed, ...given.keys()]),
    curriculum: given.has('curriculum_stages') ? curriculumOf(given, []) : source.curriculum,
    warnings: [...source.warnings, ...warnings],
  };
}

/** A run's settings: its config.json's, or what its newest checkpoint tells where another trainer wrote it. */
async function takeSettings(given: Given, folder: string, { notValid }: PlanRequest): Promise<void> {
  const run = await scanRun(folder, new ScanContext({ ask: askProcess }));
  if (run?.id !== null && run?.config) {
    take(given, run.config, 'run');
    return;
  }
  const { arguments: stored } = await readPlanSource(folder, notValid);
  for (const [name, argument] of stored) if (argument.source !== 'default') given.set(name, argument);
}

async function takePreset(given: Given, name: string, cwd: string): Promise<void> {
  const { presets, problem } = await readPresets(cwd);
  const preset = presets.find((each) => each.name === name);
  if (preset === undefined) {
    const known = presets.map((each) => each.name).join(', ');
    throw new PlanSourceError('not-found', problem ?? `There is no preset "${name}": there are ${known}.`);
  }
  const unknown = Object.keys(preset.arguments).find((each) => !isInherited(findArgument(each)));
  if (unknown !== undefined) {
    throw new PlanSourceError(
      'unknown-argument',
      `The preset "${name}" has ${unknown}, which is no argument for a preset.`,
    );
  }
  take(given, preset.arguments, 'preset');
}

/** What belongs to one start is not taken from another. */
function isInherited(argument: TrainerArgument | undefined): argument is TrainerArgument {
  return argument !== undefined && argument.onResume.effect !== 'start';
}

function take(given: Given, from: Readonly<Record<string, unknown>>, source: ArgumentSource): void {
  for (const [name, value] of Object.entries(from)) {
    const argument = findArgument(name);
    if (isInherited(argument) && !isNothing(value)) given.set(name, readStored(argument, { value, source }));
  }
}

/** Every argument as the trainer resolves it (trainer/npt/arguments.py, `resolve`). */
function freshSource(given: Given, request: PlanRequest, warnings: readonly PlanMessage[] = []): PlanSource {
  const typed = request.changes?.demo_mode;
  const demo =
    typed === undefined ? given.get('demo_mode')?.value === true : findArgument('demo_mode')?.read(typed) === true;
  const all = new Map<string, StoredArgument>();
  const passed = new Set<string>();
  for (const argument of TRAINER_ARGUMENTS) {
    const { name } = argument;
    const usual = usualValue(argument, given, demo);
    const found = given.get(name);
    all.set(name, found ?? { value: usual, source: 'default' });
    // A run's config.json holds every argument; what somebody chose is passed whatever it is.
    if (found !== undefined && (found.source !== 'run' || valueText(found.value) !== valueText(usual)))
      passed.add(name);
  }
  fitStride(all);
  const own: PlanMessage[] = [];
  return {
    ...{ path: null, name: '', step: 0, run: null, namesRun: false, newest: null, passedOver: false },
    ...{ arguments: all, passed, curriculum: curriculumOf(all, own) },
    ...{ schedule: null, translated: false, merged: false, warnings: [...warnings, ...own], errors: [] },
  };
}

/** What the trainer takes where nobody gives a value. */
function usualValue(argument: TrainerArgument, given: Given, demo: boolean): unknown {
  if (argument.name === 'dataset_preset') {
    const files = given.get('train_file')?.value;
    if (!isNothing(files)) return 'custom';
    return demo ? 'small' : argument.default;
  }
  if (argument.name === 'dual_modulation' && given.get('triple_modulation')?.value === true) return true;
  const size = given.get('model_size');
  if (argument.name === 'model_name' && size?.source !== 'run' && size !== undefined) return modelOfSize(size.value);
  return demo ? argument.demoDefault : argument.default;
}

/** A size alone asks for a model of that shape with random weights; the demo's size is the demo's teacher. */
export function modelOfSize(size: unknown): string {
  return size === 'demo' ? 'npt-demo' : `random-${valueText(size)}`;
}
