/** Validation of a checkpoint without NP components: its files one by one, and that they are of one step. */
import { join } from 'node:path';
import { isFileError } from '../../files';
import { readJsonObject } from '../../jsonFile';
import { isObject } from '../../jsonText';
import { safetensorsNames, SafetensorsError } from '../../torchfile/container/safetensors';
import { openFile } from '../../torchfile/container/source';
import { lookAtFiles } from '../fileState';
import { stepOfFolder } from '../folderNames';
import type { LayoutParts } from '../layouts/layout';
import { finding, unreadable } from './findings';
import { checkTorchFile } from './torchFileChecks';
import type { Validation } from './validation';
import { noticeChanges } from './writingChecks';

/** `names`: what is in the folder. */
export async function checkParts(validation: Validation, parts: LayoutParts, names: readonly string[]): Promise<void> {
  const { path, findings, options } = validation;
  const known = names.filter((name) => parts.isModel(name) || parts.isPart(name));
  const shards = await shardsOf(validation, known);
  const { states, obstacles } = await lookAtFiles(path, [...known, ...shards], options.blocking);
  for (const [name, error] of obstacles) findings.push(unreadable(name, error));
  const present = new Set([...states.keys(), ...obstacles.keys()]);
  if (![...present].some((name) => parts.isModel(name)))
    findings.push(finding('missing-file', null, 'The model is missing.'));
  for (const name of [...shards, parts.state]) if (!present.has(name)) findings.push(missing(name));
  for (const [name, state] of states) {
    if (state.bytes === 0) findings.push(finding('empty-file', name, `${name} is empty.`));
    else if (!validation.reaches('structure')) validation.listUnread([[name, state]]);
    else if (name.endsWith('.safetensors')) await checkSafetensors(validation, name, state.bytes);
    else if (name.endsWith('.json')) validation.files.push({ name, bytes: state.bytes, format: 'json' });
    else {
      await checkTorchFile(validation, name, join(path, name), state, () =>
        Promise.resolve({ role: 'other', sha256: null }),
      );
    }
  }
  if (validation.reaches('structure') && states.has(parts.state)) await checkState(validation, parts);
  soften(validation, parts);
  await noticeChanges(validation, states);
  if (findings.every(({ severity }) => severity !== 'error')) {
    findings.push(finding('other-trainer', null, parts.note));
  }
}

function missing(name: string): ReturnType<typeof finding> {
  return finding('missing-file', name, `${name} is missing.`);
}

/** The files that a model in pieces names in its index. */
async function shardsOf(validation: Validation, names: readonly string[]): Promise<readonly string[]> {
  const shards = new Set<string>();
  for (const name of names.filter((each) => each.endsWith('.index.json'))) {
    const { object, failure } = await readJsonObject(join(validation.path, name), validation.options.blocking);
    const map = object?.['weight_map'];
    if (failure !== null || !isObject(map)) {
      const clause = failure?.clause ?? 'names no files';
      validation.findings.push(finding('config-unreadable', name, `${name} ${clause}.`));
      continue;
    }
    for (const file of Object.values(map)) {
      // Names of files beside the index, and no ways out of the folder.
      if (typeof file === 'string' && /^[^/\\]+$/.test(file) && !file.startsWith('.')) shards.add(file);
      else {
        validation.findings.push(finding('bad-value', name, `${name} names files that are not beside it.`));
        break;
      }
    }
  }
  return [...shards];
}

async function checkSafetensors(validation: Validation, name: string, bytes: number): Promise<void> {
  const { findings, files, path, options } = validation;
  files.push({ name, bytes, format: 'safetensors' });
  try {
    const source = await openFile(join(path, name), options.blocking);
    try {
      await safetensorsNames(source);
      if (validation.reaches('checksums'))
        findings.push(finding('no-checksums', name, `${name} carries no checksums.`));
    } finally {
      await source.close();
    }
  } catch (error) {
    if (error instanceof SafetensorsError) {
      findings.push(finding(error.truncated ? 'truncated' : 'safetensors-header', name, `${name}: ${error.message}`));
    } else if (isFileError(error)) findings.push(unreadable(name, error));
    else throw error;
  }
}

async function checkState(validation: Validation, parts: LayoutParts): Promise<void> {
  const { path, findings, options } = validation;
  const name = parts.state;
  const { object, failure } = await readJsonObject(join(path, name), options.blocking);
  if (failure !== null) {
    findings.push(finding('config-unreadable', name, `${name} ${failure.clause}.`));
    return;
  }
  const step = parts.stepIn(object);
  const named = stepOfFolder(path);
  validation.step = step ?? named;
  if (step === null) findings.push(finding('missing-key', name, `${name} does not say its step.`));
  else if (named !== null && named !== step) {
    findings.push(
      finding('step-folder', name, `The folder is named for step ${named}, but ${name} is at step ${step}.`),
    );
  }
}

/** What only transformers can read is no fault of this file: nothing here loads it. What would run code stays what it is. */
function soften({ findings }: Validation, { neverLoaded }: LayoutParts): void {
  for (const [index, item] of findings.entries()) {
    if (item.file === neverLoaded && (item.code === 'unknown-call' || item.code === 'unknown-global'))
      findings[index] = finding(item.code, neverLoaded, item.message, 'info');
  }
}
