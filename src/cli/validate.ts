/** `validate`: what is wrong with a checkpoint or a file. */
import path from 'node:path';
import { LEVELS, type ValidationReport } from '../core/checkpoint/report/report';
import { optimizerRows } from '../core/checkpoint/report/renderReport';
import { CheckpointPathError } from '../core/checkpoint/pathErrors';
import { validateCheckpoint } from '../core/checkpoint/validate/validate';
import { formatBytes, formatCount } from '../core/format';
import { type Command, UsageError, oneOf } from './options';
import { SUMMARIES } from './summaries';
import { printable, table } from './table';

export const validateCommand: Command = {
  ...SUMMARIES.validate,
  details: ['Exits with 0 for valid, 1 for anything else. Nothing in the files is executed.'],
  positionals: { least: 1, most: 1 },
  options: {
    level: {
      type: 'string',
      value: LEVELS.join('|'),
      description: 'How deep to look; each includes the ones before [numbers].',
    },
  },
  async run({ positionals: [target = ''], option }) {
    const level = oneOf('--level', option('level') ?? 'numbers', LEVELS);
    let report: ValidationReport;
    try {
      // A command line has its thread to itself, and blocking reads are the fastest.
      report = await validateCheckpoint(path.resolve(target), { level, blocking: true });
    } catch (error) {
      if (error instanceof CheckpointPathError) throw new UsageError(error.message);
      throw error;
    }
    return { document: report, text: reportText(report), yes: report.verdict === 'valid' };
  },
};

function reportText(report: ValidationReport): string {
  const facts = [
    report.step === null ? '' : `step ${formatCount(report.step)}`,
    report.stage ?? '',
    report.layers.length === 0 ? '' : `layers ${report.layers.join(', ')}`,
    report.modulation ?? '',
    report.npRank === null
      ? ''
      : `rank ${report.npRank}${(report.numRanks ?? 1) > 1 ? ` × ${report.numRanks ?? 1}` : ''}`,
    report.parameters === null ? '' : `${formatCount(report.parameters)} parameters`,
  ].filter((fact) => fact !== '');
  const findings = report.findings.map((finding) => {
    // Most messages name their file themselves.
    const where = finding.file === null || finding.message.includes(finding.file) ? '' : `${finding.file}: `;
    const advice = finding.advice === undefined ? '' : ` ${finding.advice}`;
    return printable(`  ${finding.severity}: ${where}${finding.message}${advice} [${finding.code}]`);
  });
  return [
    printable(`${report.verdict}: ${report.path}`),
    ...findings,
    ...(facts.length === 0 ? [] : [`  ${facts.join(' · ')}`]),
    table(optimizerRows(report.optimizer).map(([name, value]) => [`  ${name.toLowerCase()}`, value])),
    table(report.files.map((file) => [`  ${file.name}`, formatBytes(file.bytes), file.format])),
  ]
    .filter((line) => line !== '')
    .join('\n');
}
