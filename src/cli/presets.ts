/** `presets`: what a new run can be started with, by name. */
import path from 'node:path';
import { valueText } from '../core/format';
import { readPresets } from '../core/training/plan/presets';
import type { Command } from './options';
import { SUMMARIES } from './summaries';
import { printable, table } from './table';

export const presetsCommand: Command = {
  ...SUMMARIES.presets,
  details: ['Those of the workspace are in its .npt/presets.json. Exits with 1 when some of that cannot be read.'],
  positionals: { least: 0, most: 1 },
  options: {},
  async run({ positionals }) {
    const { presets, problem } = await readPresets(path.resolve(positionals[0] ?? '.'));
    const rows = presets.map(({ name, description, builtIn, arguments: values }) => [
      name,
      builtIn ? 'comes along' : 'of this workspace',
      description === '' ? Object.entries(values).map(assigned).join(' ') : description,
    ]);
    return {
      document: { presets, problem },
      text: [table(rows), ...(problem === null ? [] : [printable(`error: ${problem}`)])].join('\n'),
      yes: problem === null,
    };
  },
};

function assigned([name, value]: [string, unknown]): string {
  return `${name}=${valueText(value)}`;
}
