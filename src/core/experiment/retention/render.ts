/** A clean-up as a Markdown document: what would go and what it takes, what stays, and why. To be read before anything is deleted. */
import { formatBytes, formatCount, formatValue } from '../../format';
import { markdownText } from '../../plainText';
import { bytesUsed } from '../diskUse';
import { bytesOf, type RunCleanUp } from './cleanUp';
import { policyText, type RetentionPolicy } from './policy';

/** A name's cell as wide as the longest would push the others out of sight. */
const NAME = { longest: 120 };

/** Names and reasons hold text from files: they are escaped. */
export function renderCleanUp(cleanUps: readonly RunCleanUp[], policy: RetentionPolicy): string {
  const touched = cleanUps.filter(({ goes }) => goes.length > 0);
  const going = touched.flatMap(({ goes }) => goes);
  const all = cleanUps.reduce((sum, { goes, stays }) => sum + goes.length + stays.length, 0);
  return [
    '# Clean-up',
    '',
    `**${formatCount(going.length)} of ${formatCount(all)} checkpoints would go, which frees ${formatBytes(bytesOf(going))}.** Nothing goes before the list is confirmed.`,
    '',
    `Of each run stay ${policyText(policy)}, and always what is pinned, where runs branched, \`final\`, and everything of a run that may train.${policy.broken ? ' What is not valid goes, too.' : ''}`,
    '',
    ...touched.flatMap(goingRows),
    '## What stays',
    '',
    ...cleanUps.flatMap(stayingRows),
    '',
  ].join('\n');
}

function goingRows({ run, goes }: RunCleanUp): string[] {
  return [
    `## ${markdownText(run.name, NAME)}: ${formatCount(goes.length)} ${goes.length === 1 ? 'goes' : 'go'}, which frees ${formatBytes(bytesOf(goes))}`,
    '',
    '| Checkpoint | Step | Loss | On disk | Why |',
    '|---|---|---|---|---|',
    ...goes.map(({ checkpoint, takes, why }) => {
      const loss = checkpoint.evalLoss ?? checkpoint.loss;
      return `| ${markdownText(checkpoint.name, NAME)} | ${formatCount(checkpoint.step)} | ${loss === null ? '–' : formatValue(loss)} | ${formatBytes(bytesUsed(takes))} | ${markdownText(why)} |`;
    }),
    '',
  ];
}

/** By reason, each once: of many checkpoints most stay for the same one. */
function stayingRows({ run, stays }: RunCleanUp): string[] {
  const byReason = new Map<string, string[]>();
  for (const { checkpoint, why } of stays) {
    const names = byReason.get(why);
    if (names === undefined) byReason.set(why, [checkpoint.name]);
    else names.push(checkpoint.name);
  }
  if (byReason.size === 0) return [];
  return [
    `- ${markdownText(run.name, NAME)}`,
    ...[...byReason].map(([why, names]) => `  - ${markdownText(names.join(', '))}: ${markdownText(why)}`),
  ];
}
