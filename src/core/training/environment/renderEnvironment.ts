/** What Check Environment found, as a Markdown report. */
import { markdownText } from '../../plainText';
import type { EnvironmentEntry, Standing } from './entry';

const SIGNS: Readonly<Record<Standing, string>> = { good: '✓', note: '–', bad: '✗' };

export function renderEnvironment(root: string, entries: readonly EnvironmentEntry[]): string {
  const limit = { longest: Infinity };
  const rows = entries.map(
    ({ title, standing, text }) => `| ${SIGNS[standing]} | ${markdownText(title)} | ${markdownText(text, limit)} |`,
  );
  return [
    '# Environment',
    '',
    `Training in ${markdownText(root, limit)}`,
    '',
    '|  | What | Found |',
    '| --- | --- | --- |',
    ...rows,
    '',
    '✓ there · – training works without · ✗ in the way of training',
    '',
  ].join('\n');
}
