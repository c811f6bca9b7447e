/** One argument's new values: the box that they are typed into, and what is said of them as they are typed. */
import * as vscode from 'vscode';
import { ValueRefused } from '../../core/arguments/argumentValues';
import type { TrainerArgument } from '../../core/arguments/arguments';
import { typedText } from '../../core/arguments/separated';
import { readAlternatives, writeAlternatives } from '../../core/arguments/values';
import { parseCurriculum } from '../../core/curriculum';
import { askLive, askText, messageRows, pick, type PickRow } from '../../platform/picks';
import { readableStageRows, type CurriculumPlace } from '../review/curriculumRows';

export interface Editing {
  readonly title: string;
  readonly argument: TrainerArgument;
  /** What it is without a change, as one types it. */
  readonly was: string;
  /** What it is to be as far as that was said before. */
  readonly now: readonly string[] | undefined;
  readonly place: CurriculumPlace;
  /** Whether several values may be given, each for a run of its own. */
  readonly several: boolean;
}

interface Typed {
  readonly values: readonly string[];
  /** What is wrong, in one line. */
  readonly problem: string | undefined;
}

function readTyped({ argument, several }: Editing, text: string): Typed {
  try {
    if (several) return { values: readAlternatives(argument, text), problem: undefined };
    const problem = argument.validate(text) ?? undefined;
    return { values: problem === undefined ? [text] : [], problem };
  } catch (error) {
    if (!(error instanceof ValueRefused)) throw error;
    return { values: [], problem: error.message };
  }
}

/** @returns the new values; none = back to what it was; undefined = Escape. */
export async function editValue(editing: Editing): Promise<readonly string[] | undefined> {
  const { argument, was, several } = editing;
  if (argument.choices !== undefined) return choose(editing, argument.choices);
  const shown = editing.now ?? (was === '' ? [] : [was]);
  const value = several ? writeAlternatives(argument, shown) : (shown[0] ?? '');
  const typed = await (argument.kind.type === 'curriculum' ? typeCurriculum(editing, value) : type(editing, value));
  if (typed === undefined) return undefined;
  const { values } = readTyped(editing, typed);
  const [only = ''] = values;
  return values.length === 1 && typedText(argument.read(only)) === was ? [] : values;
}

async function choose({ title, argument, was, several, now }: Editing, choices: readonly string[]) {
  const all = { label: vscode.l10n.t('Each of them, in a run of its own'), icon: 'git-branch', values: choices };
  const picked = await pick(
    [
      ...choices.map((choice) => ({
        label: choice,
        icon: now?.includes(choice) === true ? 'edit' : 'blank',
        description: choice === was ? vscode.l10n.t('now') : '',
        values: choice === was ? [] : [choice],
      })),
      ...(several ? [all] : []),
    ],
    { title, placeHolder: argument.description, ignoreFocusOut: true },
  );
  return picked?.values;
}

function type(editing: Editing, value: string): Promise<string | undefined> {
  const { title, argument, several } = editing;
  const numeric = argument.kind.type === 'number' || argument.kind.type === 'integer';
  const how = numeric
    ? vscode.l10n.t('Several values make several runs: 1, 2 or log 1..100 x3 or lin 1..4 x4.')
    : vscode.l10n.t('Several values make several runs: put | between them.');
  return askText({
    title,
    value,
    prompt: several ? `${argument.description} ${how}` : argument.description,
    ignoreFocusOut: true,
    problem: (text) => readTyped(editing, text).problem,
    note: (text) => {
      const { values } = readTyped(editing, text);
      return values.length < 2 ? undefined : vscode.l10n.t('{0} runs: {1}', values.length, values.join(' · '));
    },
  });
}

/** The stages are shown with the steps that they cover while they are typed. */
function typeCurriculum(editing: Editing, value: string): Promise<string | undefined> {
  const { title, several, place } = editing;
  return askLive({
    title,
    value,
    placeHolder: several
      ? vscode.l10n.t('name:steps[:mixing_ratio[:mlp_mixing_ratio]],… – put | between several curricula')
      : vscode.l10n.t('name:steps[:mixing_ratio[:mlp_mixing_ratio]],…'),
    ignoreFocusOut: true,
    problem: (text) => readTyped(editing, text).problem,
    rows: (text): PickRow[] => {
      const { values, problem } = readTyped(editing, text);
      if (problem !== undefined) return messageRows('error', problem);
      return values.flatMap((curriculum, at) => [
        ...(values.length === 1
          ? []
          : [{ label: vscode.l10n.t('Curriculum {0}', at + 1), icon: 'git-branch', description: curriculum }]),
        ...readableStageRows(parseCurriculum(curriculum).stages, place),
      ]);
    },
  });
}
