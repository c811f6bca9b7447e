/** The report as Markdown for a person: the verdict, what was found and what to do, then the facts. */
import { basename } from 'node:path';
import { formatBytes, formatCount, formatValue } from '../../format';
import { markdownText } from '../../plainText';
import type {
  Finding,
  OptimizerFacts,
  ProbedLayer,
  SchedulerFacts,
  Severity,
  ValidationReport,
  Verdict,
} from './report';

/** What a verdict means for a resume, in one line. */
export const VERDICTS: Readonly<Record<Verdict, string>> = {
  valid: 'Valid: a resume from here works.',
  incomplete: 'Incomplete: files are missing, or being written.',
  invalid: 'Not valid: a resume from here would fail or be wrong.',
  dangerous: 'Dangerous: loading it in Python would run code.',
  unverifiable: 'Cannot be verified.',
};

const LEVEL_TEXT = {
  files: 'its files are there',
  structure: 'structure (containers, pickles, tensors, agreement of the files)',
  checksums: 'structure and every checksum',
  numbers: 'structure, every checksum and every number',
  forward: 'structure, every checksum, every number, and the components’ outputs',
} as const;

const SEVERITIES: Readonly<Record<Severity, string>> = { error: 'Error', warning: 'Warning', info: 'Note' };

export function renderReport(report: ValidationReport): string {
  const singleFile = report.files.length === 1 && report.files[0]?.name === basename(report.path);
  const lines = [
    `# ${markdownText(basename(report.path))}`,
    '',
    `**${singleFile && report.verdict === 'valid' ? 'Valid: nothing is wrong with this file.' : VERDICTS[report.verdict]}**`,
    '',
    `Looked at: ${LEVEL_TEXT[report.level]}. Took ${report.seconds < 10 ? report.seconds.toFixed(2) : report.seconds.toFixed(0)} s. No code in the files was run.`,
    '',
    markdownText(report.path),
    '',
  ];
  if (report.findings.length > 0) {
    lines.push('## Findings', '');
    for (const finding of report.findings) lines.push(...renderFinding(finding));
    lines.push('');
  }
  lines.push(
    '## Checkpoint',
    '',
    '| Property | Value |',
    '|---|---|',
    ...facts(report).map(([name, value]) => `| ${name} | ${value} |`),
    '',
  );
  if (report.probe && report.probe.length > 0) lines.push(...renderProbe(report.probe));
  if (report.files.length > 0) {
    lines.push('## Files', '', '| File | Size | Format |', '|---|---:|---|');
    for (const file of report.files)
      lines.push(`| ${markdownText(file.name)} | ${formatBytes(file.bytes)} | ${markdownText(file.format)} |`);
    lines.push('');
  }
  return lines.join('\n');
}

function renderProbe(layers: readonly ProbedLayer[]): string[] {
  const onProbe = layers.every((layer) => layer.input === 'probe.pt');
  const lines = [
    '## NP components',
    '',
    `Run on ${onProbe ? 'the run’s probe.pt' : 'fixed input'}; of each layer the first rank.`,
    '',
  ];
  lines.push(
    '| Layer | Projection | Length of v_a | Length of v_b | Similarity of v_a and attention | Effective rank |',
    '|---:|---|---:|---:|---:|---:|',
  );
  for (const { layer, parts, effectiveRank } of layers) {
    for (const part of parts.filter(({ rank }) => rank === 0)) {
      const similarity = part.similarity === null ? '–' : part.similarity.toFixed(3);
      const onGate = part.projection === '' || part.projection === 'gate';
      const rank = onGate && effectiveRank !== null ? effectiveRank.toFixed(1) : '–';
      lines.push(
        `| ${layer} | ${part.projection || 'gate'} | ${formatValue(part.vANorm)} | ${formatValue(part.vBNorm)} | ${similarity} | ${rank} |`,
      );
    }
  }
  return [...lines, ''];
}

function renderFinding(finding: Finding): string[] {
  const line = `- **${SEVERITIES[finding.severity]}**: ${markdownText(finding.message)} (\`${finding.code}\`)`;
  // A backslash at the end of a line is Markdown's line break.
  return finding.advice === undefined ? [line] : [`${line}\\`, `  ${markdownText(finding.advice)}`];
}

function facts(report: ValidationReport): [string, string][] {
  const rows: [string, string][] = [];
  const add = (name: string, value: string | number | null): void => {
    if (value !== null && value !== '') rows.push([name, markdownText(String(value))]);
  };
  add('Step', report.step === null ? null : formatCount(report.step));
  add('Stage', report.stage);
  add('Layers', report.layers.join(', '));
  add('Modulation', report.modulation);
  add('Rank', report.npRank);
  add('Ranks per component', report.numRanks);
  add('NP parameters', report.parameters === null ? null : formatCount(report.parameters));
  for (const [name, value] of optimizerRows(report.optimizer)) add(name, value);
  add('Files', `${report.files.length} (${formatBytes(report.files.reduce((sum, file) => sum + file.bytes, 0))})`);
  return rows;
}

/** Also what the CLI prints of it. */
export function optimizerRows(optimizer: OptimizerFacts | undefined): [string, string][] {
  if (!optimizer) return [];
  const { kind, parameters, steps, learningRate, scheduler, scaler } = optimizer;
  const made =
    steps === null
      ? ''
      : steps.least === steps.most
        ? `, step ${formatCount(steps.most)}`
        : `, steps ${formatCount(steps.least)}–${formatCount(steps.most)}`;
  const rows: [string, string][] = [
    ['Optimizer', `${kind ?? 'of an unknown kind'}, state of ${formatCount(parameters)} tensors${made}`],
  ];
  if (learningRate !== null) rows.push(['Learning rate', formatValue(learningRate)]);
  const schedule = scheduler === null ? '' : scheduleText(scheduler);
  if (schedule !== '') rows.push(['Schedule', schedule]);
  if (scaler !== null) {
    const scale = scaler['scale'];
    rows.push(['Loss scaler', typeof scale === 'number' ? `scale ${formatCount(scale)}` : 'stored']);
  }
  return rows;
}

/** `at step 30 of 90, warm-up until 5, base rate 0.001`; whatever of it is known. */
function scheduleText({ position, end, warmUpUntil, baseRate }: SchedulerFacts): string {
  const at = position === null ? '' : `at step ${formatCount(position)}`;
  return [
    end === null ? at : `${at}${at === '' ? 'to' : ' of'} ${formatCount(end)}`,
    warmUpUntil === null ? '' : `warm-up until ${formatCount(warmUpUntil)}`,
    baseRate === null ? '' : `base rate ${formatValue(baseRate)}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}
