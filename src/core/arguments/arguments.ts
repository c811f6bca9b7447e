/**
 * The trainer's arguments (contract section 5): what each is called, holds and means, and what it does on a resume. They are
 * data that the trainer reads as well (trainer/npt/arguments.json).
 */
import table from '../../../trainer/npt/arguments.json';
import { type ValueKind, checkValue, isNothing, readTyped, readValue, refusal, valueArgv } from './argumentValues';

/** What a changed value touches when training goes on from a checkpoint. */
export type Touched = 'training' | 'data' | 'rounding' | 'evaluation' | 'output' | 'speed';

/** The only case in which a changed value takes effect on a resume. */
export type EffectCase = 'schedule restarts from its floor' | 'layers are new' | 'W&B run is new';

export interface ResumeEffect {
  /** `shapes` and `base model`: it has to fit the checkpoint. `start`: it belongs to one start. */
  readonly effect: 'takes effect' | 'shapes' | 'base model' | 'start';
  readonly touches: readonly Touched[];
  /** Null: in every case. */
  readonly when: EffectCase | null;
  /** What else there is to know, a clause. */
  readonly note: string | null;
}

export interface TrainerArgument {
  /** Without the dashes; also its key in config.json. */
  readonly name: string;
  readonly kind: ValueKind;
  /** What the trainer takes when nobody says; null: nothing. */
  readonly default: unknown;
  /** What the trainer takes with --demo_mode when nobody says. */
  readonly demoDefault: unknown;
  /** Whether its value is the path of a file, or several. */
  readonly isPath: boolean;
  /** For arguments that have a fixed list of values; flags have `true` and `false`. */
  readonly choices?: readonly string[];
  /** One line. */
  readonly description: string;
  readonly onResume: ResumeEffect;
  /** False where a checkpoint's tensors or its base model leave no choice, or where it belongs to one start only. */
  readonly branchable: boolean;
  /** What is wrong with a typed value, in one line; null when it can be used. */
  validate(typed: string): string | null;
  /** A typed value as config.json would hold it. @throws ValueRefused */
  read(typed: string): unknown;
  /** A value that a config.json holds, as ours would. @throws ValueRefused */
  readStored(value: unknown): unknown;
  /** Why what a config.json holds cannot be used, one sentence; null where it can, or where nothing is there. */
  refusedAsStored(value: unknown): string | null;
  /** The words on the command line that give it this value. */
  argv(value: unknown): string[];
}

/** An entry of the table, as it is written. */
interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly minimum?: number;
  readonly above?: number;
  /** Text where a double cannot hold it. */
  readonly maximum?: number | string;
  readonly choices?: readonly string[];
  readonly words?: Readonly<Record<string, boolean>>;
  readonly repeat?: boolean;
  readonly path?: boolean;
  readonly default: unknown;
  readonly demo?: unknown;
  readonly description: string;
  readonly resume: {
    readonly effect: ResumeEffect['effect'];
    readonly touches?: readonly Touched[];
    readonly when?: EffectCase;
    readonly note?: string;
  };
}

function kindOf(entry: Entry): ValueKind {
  switch (entry.kind) {
    case 'integer': {
      const maximum = BigInt(entry.maximum ?? Number.MAX_SAFE_INTEGER);
      return { type: 'integer', minimum: entry.minimum ?? Number.MIN_SAFE_INTEGER, maximum };
    }
    case 'number':
      return {
        type: 'number',
        minimum: entry.above ?? entry.minimum ?? -Infinity,
        exclusive: entry.above !== undefined,
      };
    case 'flag':
      return { type: 'flag', words: entry.words ?? {} };
    case 'choice':
      return { type: 'choice', choices: entry.choices ?? [] };
    case 'list':
      return { type: 'list', repeat: entry.repeat ?? false };
    case 'layer weights':
      return { type: 'layerWeights' };
    case 'text':
    case 'layers':
    case 'curriculum':
    case 'device':
      return { type: entry.kind };
    default:
      throw new Error(`arguments.json: ${entry.name} is of the unknown kind ${entry.kind}`);
  }
}

function argumentOf(entry: Entry): TrainerArgument {
  const kind = kindOf(entry);
  const choices = kind.type === 'choice' ? kind.choices : kind.type === 'flag' ? ['true', 'false'] : undefined;
  const { effect, touches = [], when = null, note = null } = entry.resume;
  return {
    name: entry.name,
    kind,
    default: entry.default,
    demoDefault: entry.demo ?? entry.default,
    isPath: entry.path ?? false,
    ...(choices === undefined ? {} : { choices }),
    description: entry.description,
    onResume: { effect, touches, when, note },
    branchable: effect === 'takes effect' && when !== 'layers are new',
    validate: (typed) => checkValue(kind, typed),
    read: (typed) => readTyped(kind, typed),
    readStored: (value) => readValue(kind, value),
    refusedAsStored: (value) => (isNothing(value) ? null : refusal(() => readValue(kind, value))),
    argv: (value) => valueArgv(entry.name, kind, value),
  };
}

const ALL: readonly TrainerArgument[] = (table.arguments as readonly Entry[]).map(argumentOf);

/** In the order in which they are shown: what one changes most comes first. */
export const TRAINER_ARGUMENTS = ALL.filter((argument) => argument.onResume.effect !== 'start');

/** Arguments that belong to one start: a resume does not inherit them and no wizard offers them. */
export const START_ARGUMENTS = ALL.filter((argument) => argument.onResume.effect === 'start');

const byName = new Map(ALL.map((known) => [known.name, known]));

export function findArgument(name: string): TrainerArgument | undefined {
  return byName.get(name);
}
