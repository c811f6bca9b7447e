/** A checkpoint's manifest.json and config.json by themselves, and the sizes and the hash that the manifest has of files. */
import { join } from 'node:path';
import { openFile } from '../../torchfile/container/source';
import type { FileIdentity } from '../fileIdentity';
import { finding, type FindingCode } from './findings';
import { checkSha256 } from './hashChecks';
import { readJsonObject, type JsonFailure } from '../../jsonFile';
import { readManifest, type Manifest } from '../layouts/manifest';
import { TRAINER_ARGUMENTS } from '../../arguments/arguments';
import { numberIn, SCHEMA, type JsonObject } from '../../jsonText';
import { CONFIG, MANIFEST, TORCH_FILES } from '../fileNames';
import { isFileError } from '../../files';
import type { Finding } from '../report/report';
import type { Validation } from './validation';

/** The manifest; null where there is none, or none that this version reads. */
export async function checkManifest(
  validation: Validation,
  states: ReadonlyMap<string, FileIdentity>,
): Promise<Manifest | null> {
  const { findings } = validation;
  const state = states.get(MANIFEST);
  if (!state) return null;
  validation.files.push({ name: MANIFEST, bytes: state.bytes, format: 'json' });
  const json = await readJsonObject(join(validation.path, MANIFEST), validation.options.blocking);
  if (!json.object) {
    findings.push(unusable('manifest-unreadable', MANIFEST, json.failure));
    return null;
  }
  const manifest = readManifest(json.object);
  if (manifest.schema !== null && manifest.schema > SCHEMA) {
    findings.push(newerSchema(MANIFEST, manifest.schema));
    return null;
  }
  const unlisted = TORCH_FILES.filter((name) => !manifest.files.has(name));
  if (manifest.intact === false)
    findings.push(finding('manifest-changed', MANIFEST, `${MANIFEST} does not match its own checksum.`));
  // Nobody writes a whole manifest without it: a flipped bit in the key's name looks like this.
  else if (manifest.intact === null && unlisted.length === 0)
    findings.push(finding('manifest-changed', MANIFEST, `${MANIFEST} has lost its own checksum.`));
  if (unlisted.length > 0)
    findings.push(finding('manifest-incomplete', MANIFEST, `${MANIFEST} does not list ${unlisted.join(', ')}.`));
  for (const [name, listed] of manifest.files) {
    const actual = states.get(name);
    if (actual && listed.bytes !== null && actual.bytes !== listed.bytes) {
      findings.push(
        finding('manifest-size', name, `${name} has ${actual.bytes} bytes where ${MANIFEST} has ${listed.bytes}.`),
      );
    }
  }
  return manifest;
}

/** The configuration; null where there is none, none that this version reads, and below level structure. */
export async function checkConfig(
  validation: Validation,
  states: ReadonlyMap<string, FileIdentity>,
  manifest: Manifest | null,
): Promise<JsonObject | null> {
  const { findings } = validation;
  const state = states.get(CONFIG);
  if (!state) return null;
  validation.files.push({ name: CONFIG, bytes: state.bytes, format: 'json' });
  if (!validation.reaches('structure')) {
    if (state.bytes === 0) findings.push(finding('empty-file', CONFIG, `${CONFIG} is empty.`));
    return null;
  }
  const json = await readJsonObject(join(validation.path, CONFIG), validation.options.blocking);
  if (!json.object) findings.push(unusable('config-unreadable', CONFIG, json.failure));
  const sha256 = manifest?.files.get(CONFIG)?.sha256;
  if (typeof sha256 === 'string' && validation.reaches('checksums')) await compareConfig(validation, sha256);
  const schema = json.object === null ? null : numberIn(json.object, 'schema');
  if (schema !== null && schema > SCHEMA) {
    findings.push(newerSchema(CONFIG, schema));
    return null;
  }
  if (json.object) findings.push(...checkStoredArguments(json.object));
  return json.object;
}

/** Arguments that a resume would refuse to take from the file. */
function checkStoredArguments(config: JsonObject): Finding[] {
  return TRAINER_ARGUMENTS.flatMap((argument) => {
    const why = argument.refusedAsStored(config[argument.name]);
    return why === null ? [] : [finding('config-value', CONFIG, `${CONFIG}: ${argument.name}: ${why}`)];
  });
}

async function compareConfig(validation: Validation, sha256: string): Promise<void> {
  try {
    const source = await openFile(join(validation.path, CONFIG), validation.options.blocking);
    try {
      validation.findings.push(...(await checkSha256(source, CONFIG, sha256, validation.progress)));
    } finally {
      await source.close();
    }
  } catch (error) {
    if (validation.cancelled || !isFileError(error)) throw error;
    // Gone or unreadable since it was listed: reading its values has said so already.
  }
}

/** What is in a document is its own fault; what the system says of it is not. */
function unusable(content: FindingCode, file: string, { kind, clause }: JsonFailure): Finding {
  const code = { missing: content, content, 'wrong-kind': 'not-a-file', unreadable: 'unreadable-file' } as const;
  return finding(code[kind], file, `${file} ${clause}.`);
}

function newerSchema(file: string, schema: number): Finding {
  return finding('newer-schema', file, `${file} has schema ${schema}; this version reads up to ${SCHEMA}.`);
}
