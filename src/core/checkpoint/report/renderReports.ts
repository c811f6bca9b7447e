/** Several validations as one Markdown document: the verdicts at a glance, then what is wrong with whom. */
import { formatCount } from '../../format';
import { markdownText } from '../../plainText';
import type { Finding, ValidationReport } from './report';

/** A cell as wide as the longest name would push the others out of sight. */
const NAME = { longest: 120 };
const MESSAGE = { longest: 400 };

export interface NamedReport {
  /** As people know it, such as "run / checkpoint-300". */
  readonly name: string;
  readonly report: ValidationReport;
}

function worst(report: ValidationReport): Finding | undefined {
  const { findings } = report;
  return (
    findings.find(({ severity }) => severity === 'error') ?? findings.find(({ severity }) => severity === 'warning')
  );
}

/** Names and messages hold text from files: they are escaped, HTML and Markdown in them is inert. */
export function renderReports(reports: readonly NamedReport[]): string {
  const bad = reports.filter(({ report }) => report.verdict !== 'valid');
  const rows = [...bad, ...reports.filter((each) => !bad.includes(each))].map(
    ({ name, report }) =>
      `| ${markdownText(name, NAME)} | ${report.verdict} | ${report.step === null ? '–' : formatCount(report.step)} | ${markdownText(worst(report)?.message ?? '', MESSAGE)} |`,
  );
  const lead =
    bad.length === 0
      ? `All ${formatCount(reports.length)} checkpoints are valid.`
      : `${formatCount(bad.length)} of ${formatCount(reports.length)} checkpoints are not valid.`;
  return [
    '# Validation',
    '',
    `**${lead}**`,
    '',
    '| Checkpoint | Verdict | Step | First finding |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
