/** Validation of one torch or pickle file: by itself, and as one of a checkpoint's. */
import { basename } from 'node:path';
import { openFile, type ByteSource } from '../../torchfile/container/source';
import { readTorchFile, type TorchFile } from '../../torchfile/torchFile';
import { readTrainingState } from '../contents';
import type { TensorNumbers } from '../data/dataParts';
import type { FileIdentity } from '../fileIdentity';
import { fileState } from '../fileState';
import { finding, fromProblem, unreadable } from './findings';
import { CheckpointPathError } from '../pathErrors';
import { checkSha256 } from './hashChecks';
import type { NumberRole } from './numberChecks';
import { optimizerFacts } from '../optimizerFacts';
import { isFileError } from '../../files';
import type { SecondReader } from '../data/secondReader';
import type { Validation } from './validation';
import { checkWeights } from './weightChecks';

/** Any single file: what is wrong with it, and what it holds where that is weights or a training state. */
export async function checkSingleFile(validation: Validation): Promise<void> {
  const { path, files, findings } = validation;
  const name = basename(path);
  const state = await fileState(path, validation.options.blocking);
  if (!state) throw new CheckpointPathError(`${path} does not exist any more.`);
  if (state.bytes === 0) {
    files.push({ name, bytes: 0, format: 'empty' });
    findings.push(finding('empty-file', name, `${name} is empty.`));
    return;
  }
  if (!validation.reaches('structure')) {
    validation.listUnread([[name, state]]);
    return;
  }
  if (validation.reaches('checksums')) validation.progress.expect(state.bytes);
  await checkTorchFile(validation, name, path, state, async (file, source) => {
    const training = readTrainingState(file.value);
    if (training) validation.optimizer = await optimizerFacts(training, source, file);
    validation.step = training?.globalStep ?? null;
    const { shape, findings: found } = checkWeights(file.value, file.tensors, name);
    const holdsWeights = shape.weights.length > 0;
    if (holdsWeights) {
      validation.weights = shape;
      validation.layers = shape.layers;
      findings.push(...found);
    }
    return { role: holdsWeights ? 'weights' : training?.optimizer ? 'state' : 'other', sha256: null };
  });
  if (validation.reaches('forward')) await (await import('./deepLevels')).runForward(validation, path, null);
}

/** What the owner of a file makes of it. `sha256`: the file's, where a manifest has it. */
export interface FileView {
  readonly role: NumberRole;
  readonly sha256: string | null;
}

/** The numbers in a file's tensors, of which the step is still to be known before they can be judged. */
export interface FileNumbers {
  readonly role: NumberRole;
  readonly tensors: readonly TensorNumbers[];
}

/**
 * Opens one file, reports its problems, lets `look` see it, and reads its data as far as the level asks; null where that is
 * not at all.
 */
export async function checkTorchFile(
  validation: Validation,
  name: string,
  path: string,
  state: FileIdentity,
  look: (file: TorchFile, source: ByteSource) => Promise<FileView>,
): Promise<FileNumbers | null> {
  const { files, findings, progress } = validation;
  const { blocking } = validation.options;
  let source: ByteSource;
  try {
    source = await openFile(path, blocking);
  } catch (error) {
    if (!isFileError(error)) throw error;
    files.push({ name, bytes: state.bytes, format: 'unreadable' });
    findings.push(unreadable(name, error));
    return null;
  }
  const levels = { checksums: true, numbers: validation.reaches('numbers') };
  let second: SecondReader | null = null;
  try {
    const deep = validation.reaches('checksums') ? await import('./deepLevels') : null;
    // Started before the structure is read: it has to be read there as well, and a thread takes a while to start.
    if (blocking && deep) second = deep.SecondReader.start(path, source.size, levels);
    const file = await readTorchFile(source);
    validation.options.onTorchFile?.(name, file);
    progress.add(0);
    files.push({ name, bytes: state.bytes, format: file.format });
    if (validation.reaches('structure')) findings.push(...file.problems.map((problem) => fromProblem(name, problem)));
    const { role, sha256 } = await look(file, source);
    if (!deep) return null;
    const data = await deep.checkData(source, file, name, levels, progress, second);
    findings.push(...data.findings);
    if (sha256 !== null) findings.push(...(await checkSha256(source, name, sha256, progress)));
    return { role, tensors: data.numbers };
  } catch (error) {
    if (validation.cancelled || !isFileError(error)) throw error;
    findings.push(unreadable(name, error));
    return null;
  } finally {
    await second?.dispose();
    await source.close();
  }
}
