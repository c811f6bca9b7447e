/** Whether a checkpoint can be resumed: the answer of `npt_validate_checkpoint`. */
import { type Finding, LEVELS, type Level, type ValidationReport } from '../checkpoint/report/report';
import { VERDICTS } from '../checkpoint/report/renderReport';
import { newestUsable } from '../experiment/checkpoints';
import type { Run } from '../experiment/model';
import { textFrom } from './answer';

export interface ValidateInput {
  readonly run: string;
  /** The newest complete one where it is missing. */
  readonly checkpoint?: string;
  readonly level?: Level;
}

const MOST_FINDINGS = 20;
const WORST_FIRST: readonly Finding['severity'][] = ['error', 'warning', 'info'];

/** @param notValid paths of checkpoints that were validated and are not valid, this one too where it is not */
export function validationAnswer(report: ValidationReport, run: Run, notValid: ReadonlyMap<string, unknown>): object {
  const { verdict, findings, level } = report;
  const sorted = [...findings].sort((a, b) => WORST_FIRST.indexOf(a.severity) - WORST_FIRST.indexOf(b.severity));
  const told = sorted.slice(0, MOST_FINDINGS);
  const instead = verdict === 'valid' ? undefined : newestUsable(run, notValid);
  const deeper = LEVELS.slice(LEVELS.indexOf(level) + 1);
  return {
    run: textFrom(run.name),
    checkpoint: textFrom(report.path.split(/[\\/]/).at(-1) ?? ''),
    path: textFrom(report.path, 1000),
    verdict,
    means: VERDICTS[verdict],
    // That the files are there says nothing of what is in them.
    safeToResume: verdict === 'valid' && level !== 'files',
    level,
    ...(deeper.length === 0 ? {} : { levelsNotLookedAt: deeper }),
    step: report.step,
    stage: report.stage,
    layers: report.layers,
    modulation: report.modulation,
    npRank: report.npRank,
    findings: told.map(({ code, severity, file, message, advice }) => ({
      code,
      severity,
      ...(file === null ? {} : { file: textFrom(file) }),
      message: textFrom(message),
      ...(advice === undefined ? {} : { whatToDo: textFrom(advice) }),
    })),
    ...(told.length === sorted.length
      ? {}
      : {
          leftOut: `${sorted.length - told.length} findings of the same or less weight: the report in the window has all.`,
        }),
    ...(instead === undefined
      ? {}
      : { instead: `The newest checkpoint that is not known to be wrong is ${textFrom(instead.name)}.` }),
  };
}
