/** Plans as a Markdown report: what would run, in full. */
import path from 'node:path';
import { typedText } from '../../arguments/separated';
import { describeStage } from '../../curriculum';
import { formatCount } from '../../format';
import { markdownText, visibleText } from '../../plainText';
import { shellCommand } from '../commandLine';
import { shellCommandOf } from '../launchers/shown';
import type { Plan, PlanMessage } from './plan';

const WHOLE = { longest: Infinity };
const text = (shown: string): string => markdownText(shown, WHOLE);

export function renderPlans(plans: readonly Plan[]): string {
  return ['# Plan', '', ...plans.flatMap(planLines)].join('\n');
}

function planLines(plan: Plan): string[] {
  const { parent, startStep, stageAtStart } = plan;
  const from = parent === null ? '' : ` from ${parent.checkpoint} of ${parent.run}`;
  const stage = stageAtStart === null ? '' : `, in stage ${stageAtStart}`;
  return [
    `## ${text(`${plan.kind} ${path.basename(plan.run)}`)}`,
    '',
    text(`${plan.run}${from}: it begins at step ${formatCount(startStep)}${stage}.`),
    '',
    ...messageLines('Errors', plan.errors),
    ...messageLines('Warnings', plan.warnings),
    ...messageLines('Questions', plan.questions),
    ...argumentLines(plan),
    ...(plan.curriculum.length === 0
      ? []
      : ['### Curriculum', '', ...plan.curriculum.map((each) => `- ${text(describeStage(each))}`), '']),
    '### Command',
    '',
    ...codeLines(`cd ${shellCommand([plan.cwd])}\n${shellCommandOf(plan.argv, plan.launch)}`),
    '',
  ];
}

function messageLines(title: string, messages: readonly Pick<PlanMessage, 'message'>[]): string[] {
  return messages.length === 0 ? [] : [`### ${title}`, '', ...messages.map(({ message }) => `- ${text(message)}`), ''];
}

function argumentLines(plan: Plan): string[] {
  const typed = (value: unknown): string => text(typedText(value) || '–');
  const changed = plan.arguments.filter(({ source }) => source === 'changed');
  const kept = plan.arguments.filter(({ source }) => source !== 'changed');
  const table = (head: string, rows: readonly string[]): string[] =>
    rows.length === 0 ? [] : [head, head.replace(/[^|]+/g, ' --- '), ...rows, ''];
  return [
    '### Arguments',
    '',
    ...table(
      '| Changed | Was | Becomes |',
      changed.map(({ name, previous, value }) => `| ${text(name)} | ${typed(previous)} | ${typed(value)} |`),
    ),
    ...table(
      '| Unchanged | Value | From |',
      kept.map(({ name, value, source }) => `| ${text(name)} | ${typed(value)} | ${source} |`),
    ),
  ];
}

/** Code with a fence that nothing in it ends. */
function codeLines(code: string): string[] {
  const lines = code.split('\n').map((line) => visibleText(line, WHOLE));
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}sh`, ...lines, fence];
}
