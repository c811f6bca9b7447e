/** What a person wants to know of an optimizer, its schedule and its loss scaler; for the report and for comparisons. */
import type { ByteSource } from '../torchfile/container/source';
import { numbersOf } from '../torchfile/tensors/totals';
import { readTensorBytes, TensorDataError } from '../torchfile/tensors/tensorData';
import type { TorchFile } from '../torchfile/torchFile';
import type { Tensor } from '../torchfile/pickle/values';
import type { OptimizerState, TrainingState } from './contents';
import type { JsonObject } from '../jsonText';
import type { OptimizerFacts, SchedulerFacts } from './report/report';

/** Of more groups than this the rest is not told: a trainer has a handful, a hostile file may have millions. */
const MAX_GROUPS = 64;
/** Steps are read one by one, 4 bytes each: more parameters than this would be felt, and tell nothing more. */
const MAX_STEPS_READ = 4096;

/** Null where the training state has no readable optimizer. Reads nothing but the step counts. */
export async function optimizerFacts(
  training: TrainingState,
  source: ByteSource,
  file: TorchFile,
): Promise<OptimizerFacts | null> {
  const { optimizer } = training;
  if (!optimizer) return null;
  return {
    kind: optimizerKind(optimizer),
    parameters: optimizer.state.size,
    steps: await stepsOf(optimizer, source, file),
    learningRate: optimizer.groups[0]?.learningRate ?? null,
    groups: optimizer.groups.slice(0, MAX_GROUPS).map(({ params, learningRate, settings }) => ({
      parameters: params?.length ?? 0,
      settings: { lr: learningRate, ...settings },
    })),
    scheduler: schedulerFacts(training),
    scaler: training.scaler,
  };
}

/**
 * PyTorch does not store an optimizer's class: the names of its state tell it, before the first step those of its
 * settings. Null for one that they do not tell.
 */
function optimizerKind({ groups, state }: OptimizerState): string | null {
  const own = new Set([...state.values()].flatMap((tensors) => tensors.map(({ name }) => name)));
  const settings = groups[0]?.settings ?? {};
  if (own.has('exp_avg') ? own.has('exp_avg_sq') : own.size === 0 && 'betas' in settings && 'amsgrad' in settings) {
    const decoupled = settings['decoupled_weight_decay'];
    // Older versions of PyTorch store the same for both.
    const name = decoupled === true ? 'AdamW' : decoupled === false ? 'Adam' : 'Adam or AdamW';
    return own.has('max_exp_avg_sq') ? `${name} with AMSGrad` : name;
  }
  if (own.has('momentum_buffer') && !own.has('square_avg')) return 'SGD with momentum';
  if (own.has('square_avg')) return own.has('acc_delta') ? 'Adadelta' : 'RMSprop';
  if (own.has('sum')) return 'Adagrad';
  return own.size === 0 && 'nesterov' in settings ? 'SGD' : null;
}

async function stepsOf(
  { state, plainSteps }: OptimizerState,
  source: ByteSource,
  file: TorchFile,
): Promise<OptimizerFacts['steps']> {
  let least = Infinity;
  let most = -Infinity;
  const add = (step: number | null): void => {
    if (step === null || !Number.isFinite(step)) return;
    least = Math.min(least, step);
    most = Math.max(most, step);
  };
  for (const step of plainSteps.values()) add(step);
  let read = 0;
  for (const tensors of state.values()) {
    const step = tensors.find(({ name }) => name === 'step')?.tensor;
    if (step?.numel === 1 && read++ < MAX_STEPS_READ) add(await scalarOf(step, source, file));
  }
  return most < least ? null : { least, most };
}

async function scalarOf(tensor: Tensor, source: ByteSource, file: TorchFile): Promise<number | null> {
  try {
    const bytes = await readTensorBytes(source, file, tensor, 64);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (tensor.dtype.name === 'int64') return Number(view.getBigInt64(0, true));
    if (tensor.dtype.name === 'int32') return view.getInt32(0, true);
    return numbersOf(tensor.dtype, bytes)?.[0] ?? null;
  } catch (error) {
    if (error instanceof TensorDataError) return null; // damaged: the validation's own checks say so
    throw error;
  }
}

/** Our schedule is a function of the step; PyTorch's schedulers count their own steps. */
function schedulerFacts({ scheduler, globalStep }: TrainingState): SchedulerFacts | null {
  if (!scheduler) return null;
  const number = (name: string): number | null => {
    const value = scheduler[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : null;
  };
  const origin = number('origin_step');
  if (origin !== null) {
    const ramp = number('warmup_steps');
    return {
      position: globalStep,
      baseRate: number('base_rate'),
      warmUpUntil: ramp === null ? null : origin + ramp,
      end: number('end_step'),
    };
  }
  return { position: number('last_epoch'), baseRate: firstNumber(scheduler, 'base_lrs'), warmUpUntil: null, end: null };
}

function firstNumber(object: JsonObject, name: string): number | null {
  const value = object[name];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'number' && Number.isFinite(first) ? first : null;
}
