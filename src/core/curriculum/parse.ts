/** The text of `--curriculum_stages` and the schedule that checkpoints store, read into one form (contract section 4). */
import type { Curriculum, Stage, StageName, StoredStage } from './curriculum';
import { CurriculumError } from './errors';

const STAGE_NAMES: readonly StageName[] = ['teacher', 'mixed', 'student'];

/** A stage's name that the contract knows; null for any other text out of a file. */
export function knownStage(name: string | null | undefined): StageName | null {
  return STAGE_NAMES.find((known) => known === name) ?? null;
}

/** Student's share of the attention input that a stage's name alone decides; `mixed` has its own. */
const FIXED_RATIO = { teacher: 0, student: 1 } as const;

/** Decimal numbers as both Python's float() and people write them; no infinities, no NaN, no hex. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

interface Field {
  readonly text: string;
  /** Character offset in the whole argument. */
  readonly at: number;
}

/**
 * Reads `name:steps[:mixing_ratio[:mlp_mixing_ratio]][,…]`. `steps` is a stage's length; ends are cumulative and exclusive.
 * Spaces around parts are allowed.
 *
 * @throws CurriculumError naming the part that is wrong and its position (1-based in the message, as an editor counts)
 */
export function parseCurriculum(text: string): Curriculum {
  if (text.trim() === '') {
    throw new CurriculumError('The curriculum is empty: give at least one stage, such as student:20000', 0, 0);
  }
  const stages: Stage[] = [];
  let from = 0;
  for (const [index, part] of split({ text, at: 0 }, ',').entries()) {
    const stage = parseStage(part, index, from);
    stages.push(stage);
    from = stage.until;
  }
  return { stages };
}

function parseStage(part: Field, index: number, from: number): Stage {
  const refuse = (field: Field, what: string): CurriculumError => {
    const where = `stage ${index + 1}, character ${field.at + 1}`;
    return new CurriculumError(`Curriculum, ${where}: ${what}`, field.at, index);
  };
  if (part.text === '') throw refuse(part, 'there is nothing between the commas');

  const [nameField, stepsField, ratioField, mlpField, surplus] = split(part, ':');
  if (surplus !== undefined) {
    throw refuse(surplus, `"${part.text}" has too many parts: name:steps[:mixing_ratio[:mlp_mixing_ratio]]`);
  }
  const name = knownStage(nameField?.text);
  if (name === null || nameField === undefined) {
    throw refuse(nameField ?? part, `"${nameField?.text ?? ''}" is not a stage; stages are teacher, mixed and student`);
  }
  if (stepsField === undefined) throw refuse(nameField, `"${part.text}" has no length, as in ${name}:5000`);
  if (!/^\d+$/.test(stepsField.text) || Number(stepsField.text) < 1) {
    throw refuse(stepsField, `"${stepsField.text}" is not a number of steps (a whole number from 1)`);
  }
  const steps = Number(stepsField.text);
  if (!Number.isSafeInteger(from + steps)) throw refuse(stepsField, `"${stepsField.text}" steps are too many`);

  const readRatio = (field: Field, what: string): number => {
    const value = NUMBER.test(field.text) ? Number(field.text) : Number.NaN;
    if (!(value >= 0 && value <= 1)) throw refuse(field, `${what} "${field.text}" is not a number from 0 to 1`);
    // "-0" is 0; two zeros that differ would make equal curricula unequal.
    return value === 0 ? 0 : value;
  };

  let mixingRatio: number;
  if (name === 'mixed') {
    if (ratioField === undefined) {
      throw refuse(part, `"${part.text}" needs a mixing ratio from 0 to 1, as in mixed:${steps}:0.5`);
    }
    mixingRatio = readRatio(ratioField, 'mixing ratio');
  } else {
    mixingRatio = FIXED_RATIO[name];
    // The grammar gives every stage a third place; a fourth (the MLP's ratio) needs it filled.
    if (ratioField !== undefined && readRatio(ratioField, 'mixing ratio') !== mixingRatio) {
      throw refuse(
        ratioField,
        `a ${name} stage always has mixing ratio ${mixingRatio}; use mixed for ${ratioField.text}`,
      );
    }
  }
  const mlpMixingRatio = mlpField === undefined ? null : readRatio(mlpField, 'MLP mixing ratio');
  return { name, from, until: from + steps, mixingRatio, mlpMixingRatio };
}

/** Splits at a separator, trims each part, and keeps where each one begins. */
function split(field: Field, separator: string): Field[] {
  let at = field.at;
  return field.text.split(separator).map((raw) => {
    const lead = raw.length - raw.trimStart().length;
    const part = { text: raw.trim(), at: at + (raw.trim() === '' ? 0 : lead) };
    at += raw.length + separator.length;
    return part;
  });
}

/**
 * Reads the `curriculum_schedule` of a multi_layer_state: a list of {name, until_step, mixing_ratio, mlp_mixing_ratio}
 * (contract section 2). Other trainers store ratio 0 for student and no MLP ratio (section 7): the name decides.
 *
 * @throws CurriculumError naming the entry that is wrong
 */
export function curriculumFromSchedule(schedule: unknown): Curriculum {
  if (!Array.isArray(schedule) || schedule.length === 0) {
    throw new CurriculumError('curriculum_schedule is not a list of stages', null, 0);
  }
  const stages: Stage[] = [];
  let from = 0;
  for (const [index, entry] of (schedule as unknown[]).entries()) {
    const refuse = (what: string): CurriculumError =>
      new CurriculumError(`curriculum_schedule, stage ${index + 1}: ${what}`, null, index);
    if (typeof entry !== 'object' || entry === null) throw refuse('not a dictionary');
    const field = (key: string): unknown =>
      entry instanceof Map ? entry.get(key) : (entry as Record<string, unknown>)[key];
    const name = STAGE_NAMES.find((candidate) => candidate === field('name'));
    if (name === undefined) throw refuse(`${describe(field('name'))} is not the name of a stage`);
    const until = asNumber(field('until_step'));
    if (until === null || !Number.isSafeInteger(until) || until <= from) {
      throw refuse(`until_step ${describe(field('until_step'))} does not come after step ${from}`);
    }
    const ratio = name === 'mixed' ? asNumber(field('mixing_ratio')) : FIXED_RATIO[name];
    if (ratio === null || !(ratio >= 0 && ratio <= 1)) {
      throw refuse(`mixing_ratio ${describe(field('mixing_ratio'))} is not from 0 to 1`);
    }
    const mlp = field('mlp_mixing_ratio') ?? null;
    const mlpRatio = mlp === null ? null : asNumber(mlp);
    if (mlp !== null && (mlpRatio === null || !(mlpRatio >= 0 && mlpRatio <= 1))) {
      throw refuse(`mlp_mixing_ratio ${describe(mlp)} is not from 0 to 1`);
    }
    stages.push({ name, from, until, mixingRatio: ratio, mlpMixingRatio: mlpRatio });
    from = until;
  }
  return { stages };
}

/** The same from a checkpoint's facts, which hold the stages under our names. */
export function curriculumFromEntries(stored: readonly StoredStage[]): Curriculum {
  return curriculumFromSchedule(
    stored.map((stage) => ({
      name: stage.name,
      until_step: stage.until,
      mixing_ratio: stage.mixingRatio,
      mlp_mixing_ratio: stage.mlpMixingRatio,
    })),
  );
}

/** Pickled integers arrive as numbers or, beyond 2^53, as bigints. */
function asNumber(value: unknown): number | null {
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'number' ? value : null;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  return value === undefined ? '(missing)' : 'of an unexpected kind';
}
