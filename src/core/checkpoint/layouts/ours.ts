/** Our trainer's layout (contract section 2): five files, the manifest written last and renamed with the rest. */
import { countIn, isObject, numberIn, stringIn, type JsonObject } from '../../jsonText';
import { CHECKPOINT_FILES, MANIFEST } from '../fileNames';
import { broken, COMPLETE, UNKNOWN, type CheckpointLayout, type ListedCheckpoint, type ListedFolder } from './layout';

export const ours: CheckpointLayout = {
  id: 'ours',
  fits: ({ names, schema }) => names.has(MANIFEST) || (schema ?? null) !== null,
  list,
  writtenInPlace: false,
  tellsInTensors: false,
  translated: false,
  refusal: () => null,
  npt: {
    required: CHECKPOINT_FILES,
    ownTrainingKeys: ['rng_state', 'data_state'],
    storesSchedule: true,
    storesStageOfStep: true,
    optimizerInOrder: true,
    mergesOptimizer: true,
    configIsTrue: true,
    note: null,
  },
  parts: null,
};

async function list(folder: ListedFolder): Promise<ListedCheckpoint> {
  const manifest = (await folder.read(MANIFEST)) ?? {};
  if (!isObject(manifest['files']))
    return { ...UNKNOWN, ...broken(`${MANIFEST} does not list the files of the checkpoint`) };
  const metrics = isObject(manifest['metrics']) ? manifest['metrics'] : {};
  const step = countIn(manifest, 'step');
  const { state, stateReason } = judge(folder, manifest['files'], step);
  // Written out, for a scan makes one of each checkpoint: spreading costs several times as much.
  return {
    state,
    stateReason,
    step,
    stage: stringIn(manifest, 'stage'),
    time: numberIn(manifest, 'time'),
    loss: numberIn(metrics, 'loss/total'),
    evalLoss: numberIn(metrics, 'eval_loss/total'),
    maxSteps: null,
    best: null,
  };
}

/** From the rename on everything that the manifest lists must be there. */
function judge(
  { sizes, obstacles, step }: ListedFolder,
  listed: JsonObject,
  manifestStep: number | null,
): Pick<ListedCheckpoint, 'state' | 'stateReason'> {
  for (const name of Object.keys(listed)) {
    const entry = listed[name];
    const size = sizes.get(name);
    if (size === undefined) return broken(`${name} ${obstacles.get(name) ?? 'is missing'}`);
    const bytes = isObject(entry) ? countIn(entry, 'bytes') : null;
    if (bytes !== null && size !== bytes) return broken(`${name} has ${size} bytes, its manifest says ${bytes}`);
  }
  return step !== null && manifestStep !== null && manifestStep !== step
    ? broken(`its manifest says step ${manifestStep}`)
    : COMPLETE;
}
