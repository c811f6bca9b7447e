/** What scripts/evaluate.py measured, as a Markdown report. */
import { formatCount } from '../../format';
import { isObject, numberIn, parseDocument, stringIn, type JsonObject } from '../../jsonText';
import { markdownText } from '../../plainText';

interface Column {
  readonly title: string;
  readonly cell: (result: JsonObject) => string | null;
}

const figure = (key: string) => (result: JsonObject) => {
  const value = result[key];
  // What is not finite is a text there.
  // Checkpoints of one run differ in the third digit and later.
  return typeof value === 'number' ? String(Number(value.toPrecision(6))) : typeof value === 'string' ? value : null;
};

const COLUMNS: readonly Column[] = [
  { title: 'Checkpoint', cell: (result) => stringIn(result, 'name') },
  { title: 'Step', cell: (result) => count(result, 'step') },
  { title: 'Tokens', cell: (result) => count(result, 'tokens') },
  { title: 'Perplexity', cell: figure('perplexity') },
  { title: 'Teacher', cell: figure('teacher_perplexity') },
  { title: 'KL (nats)', cell: figure('kl') },
  { title: 'Agreement', cell: share },
];

function count(result: JsonObject, key: string): string | null {
  const value = numberIn(result, key);
  return value === null ? null : formatCount(value);
}

function share(result: JsonObject): string | null {
  const value = numberIn(result, 'agreement');
  return value === null ? null : `${(100 * value).toFixed(2)} %`;
}

/**
 * @param content of the file that `--output` named
 * @param file its path, said in the report
 * @throws FileContentError for anything else
 */
export function renderEvaluation(content: Uint8Array | string, file: string): string {
  const { results } = parseDocument(content);
  const found = (Array.isArray(results) ? (results as unknown[]) : []).filter(isObject);
  const columns = COLUMNS.filter(({ cell }) => found.some((result) => cell(result) !== null));
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const texts = [...new Set(found.map((result) => stringIn(result, 'text')).filter((text) => text !== null))];
  return [
    '# Evaluation',
    '',
    row(columns.map(({ title }) => title)),
    row(columns.map((_, at) => (at === 0 ? '---' : '--:'))),
    ...found.map((result) => row(columns.map(({ cell }) => markdownText(cell(result) ?? '')))),
    '',
    `Text: ${texts.map((text) => markdownText(text)).join(', ')}.`,
    ...(texts.length > 1 ? ['Figures of different texts do not compare.'] : []),
    '',
    'Perplexity is of the student; KL is KL(teacher ‖ student) per token; agreement is the share of tokens with the same most likely successor.',
    '',
    `The figures are in ${markdownText(file)}.`,
    '',
  ].join('\n');
}
