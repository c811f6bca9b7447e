/**
 * The trainer's arguments (contract section 5): what each is called, holds and means. The branch wizard validates against
 * this as one types, plans are built from it, and a test compares it with the trainer's own parser.
 */
import { type ValueKind, checkValue, readValue, valueArgv } from './argumentValues';

export interface TrainerArgument {
  /** Without the dashes; also its key in config.json. */
  readonly name: string;
  readonly kind: ValueKind;
  /** What the trainer takes when nobody says; null: nothing. */
  readonly default: unknown;
  /** For arguments that have a fixed list of values; flags have `true` and `false`. */
  readonly choices?: readonly string[];
  /** One line. */
  readonly description: string;
  /** False where a checkpoint's tensors or stored state leave no choice, or where it belongs to one start only. */
  readonly branchable: boolean;
  /** What is wrong with a typed value, in one line; null when it can be used. */
  validate(typed: string): string | null;
  /** A valid typed value as config.json would hold it. */
  read(typed: string): unknown;
  /** The words on the command line that give it this value. */
  argv(value: unknown): string[];
}

const whole = (minimum: number): ValueKind => ({ type: 'integer', minimum });
const atLeast = (minimum: number): ValueKind => ({ type: 'number', minimum, exclusive: false });
const above = (minimum: number): ValueKind => ({ type: 'number', minimum, exclusive: true });
const choice = (...choices: string[]): ValueKind => ({ type: 'choice', choices });
const flag: ValueKind = { type: 'flag' };
const text: ValueKind = { type: 'text' };

function argument(
  name: string,
  kind: ValueKind,
  defaultValue: unknown,
  description: string,
  branchable = true,
): TrainerArgument {
  const choices = kind.type === 'choice' ? kind.choices : kind.type === 'flag' ? ['true', 'false'] : undefined;
  return {
    name,
    kind,
    default: defaultValue,
    ...(choices === undefined ? {} : { choices }),
    description,
    branchable,
    validate: (typed) => checkValue(kind, typed),
    read: (typed) => readValue(kind, typed),
    argv: (value) => valueArgv(name, kind, value),
  };
}

const FIXED = false;

/** In the order in which they are shown: what one changes most comes first. */
export const TRAINER_ARGUMENTS: readonly TrainerArgument[] = [
  argument('learning_rate', above(0), 5e-5, 'Peak learning rate; on a resume the rate of the next step.'),
  argument(
    'curriculum_stages',
    { type: 'curriculum' },
    'teacher:5000,mixed:5000:0.5,student:20000',
    'Stages as name:steps[:mixing_ratio[:mlp_mixing_ratio]], steps being lengths.',
  ),
  argument('max_steps', whole(1), 30000, 'The step to stop at.'),
  argument('batch_size', whole(1), 4, 'Samples in a micro-batch.'),
  argument('gradient_accumulation_steps', whole(1), 4, 'Micro-batches in a step.'),
  argument('weight_decay', atLeast(0), 0.01, "AdamW's weight decay."),
  argument('warmup_steps', whole(0), 1000, 'Steps of linear warm-up.'),
  argument('gradient_clip', atLeast(0), 0.5, 'Largest gradient norm; 0 does not clip.'),
  argument('gradient_scale_factor', above(0), 2.5, 'Gradients are multiplied by this before clipping.'),
  argument('lambda_reg', atLeast(0), 0.01, 'Weight of the regularization.'),
  argument('direct_mlp_weight', atLeast(0), 10, 'Weight of the direct MLP loss.'),
  argument('fidelity_weight', atLeast(0), 1, 'Weight of the difference between student and teacher logits.'),
  argument(
    'layer_weights',
    { type: 'layerWeights' },
    'uniform',
    'uniform, linear (1.0 to 0.5), or one number for each layer.',
  ),
  argument(
    'train_layers',
    { type: 'layers' },
    null,
    'Which layers become NPT layers: 13,14,15 or 8-15 or all, upper_half, lower_half.',
  ),
  argument(
    'dataset_preset',
    choice('small', 'medium', 'large', 'xlarge', 'custom'),
    'medium',
    'Which texts to train on.',
  ),
  argument('train_file', { type: 'list', repeat: true }, [], 'Text or JSONL files to train on.'),
  argument('validation_file', text, null, 'Text or JSONL file to evaluate on.'),
  argument('max_length', whole(2), 512, 'Tokens in a sample.'),
  argument('stride', whole(1), 256, 'Tokens between the starts of neighbouring samples.'),
  argument('num_eval_samples', whole(1), 1000, 'Samples in the held-out set.'),
  argument('num_workers', whole(0), 4, 'Processes that read data.'),
  argument('logging_steps', whole(1), 10, 'Steps between log lines.'),
  argument('eval_steps', whole(1), 500, 'Steps between evaluations.'),
  argument('save_steps', whole(1), 2000, 'Steps between checkpoints.'),
  argument('generation_steps', whole(1), 500, 'Steps between samples of generated text.'),
  argument('save_total_limit', whole(1), null, 'Checkpoints to keep; best, pinned and branch origins always stay.'),
  argument('async_save', flag, true, 'Write checkpoints in the background.'),
  argument('mixed_precision', flag, false, 'Autocast: bf16 where supported, else fp16.'),
  argument(
    'matmul_precision',
    choice('auto', 'highest', 'medium'),
    'auto',
    'Products in fp32: highest, medium (16-bit factors, TF32), or what a short trial at the start finds best.',
  ),
  argument('compile', flag, false, 'Compile the layers with torch.compile (GPUs).'),
  argument('device', { type: 'device' }, 'auto', 'auto, cpu, cuda, cuda:N or mps.'),
  argument('deterministic', flag, false, 'Deterministic kernels, needed for bit-identical resumes on CUDA.'),
  argument('wandb_mode', choice('online', 'offline', 'disabled'), 'online', 'How Weights & Biases logs.'),
  argument('wandb_project', text, 'npt-multi-layer', 'Weights & Biases project.'),
  argument('wandb_name', text, null, 'Weights & Biases run name.'),
  argument('wandb_tags', { type: 'list', repeat: false }, [], 'Weights & Biases tags.'),
  // A checkpoint's tensors have these shapes and belong to this base model; its RNG states replace the seed.
  argument(
    'model_name',
    text,
    'meta-llama/Llama-3.2-1B',
    'Base model: a Llama on the Hugging Face hub, or a local folder.',
    FIXED,
  ),
  argument('model_size', choice('1b', '3b', '8b', 'demo'), '1b', 'Preset of the base model.', FIXED),
  argument('np_rank', whole(1), 256, 'Rank of each NP component.', FIXED),
  argument('num_ranks', whole(1), 1, 'Rank-one updates of each NP component.', FIXED),
  argument('dual_modulation', flag, false, 'Modulate gate and up projections.', FIXED),
  argument('triple_modulation', flag, false, 'Modulate gate, up and down projections; implies dual.', FIXED),
  argument('np_init_scale', above(0), 0.001, 'Size of the initial modulation.', FIXED),
  argument('init_strategy', choice('improved', 'conservative'), 'improved', 'How NP components start.', FIXED),
  argument('seed', whole(0), 42, 'Seed of weights and data order.', FIXED),
  argument('demo_mode', flag, false, 'A small teacher and text that ship with the trainer; no network.', FIXED),
];

/** Arguments that belong to one start: a resume does not inherit them and no wizard offers them. */
export const START_ARGUMENTS: readonly TrainerArgument[] = [
  argument('resume_from', text, null, 'A checkpoint, or a run (its newest valid checkpoint).', FIXED),
  argument('output_dir', text, null, "The run's folder.", FIXED),
  argument('overwrite_output_dir', flag, false, 'Move a run that is in the way aside.', FIXED),
  argument('ignore_integrity', flag, false, 'Resume from a checkpoint whose checksums do not match.', FIXED),
];

const byName = new Map([...TRAINER_ARGUMENTS, ...START_ARGUMENTS].map((known) => [known.name, known]));

export function findArgument(name: string): TrainerArgument | undefined {
  return byName.get(name);
}
