/** `metrics`: a run's curves, without the zigzags of its resumes. */
import path from 'node:path';
import { scanRun, ScanContext } from '../core/experiment/scan';
import { formatCount, formatValue } from '../core/format';
import { type MetricsDocument, readMetrics } from '../core/metrics/read';
import { type Command, UsageError } from './options';
import { SUMMARIES } from './summaries';
import { table } from './table';

export const metricsCommand: Command = {
  ...SUMMARIES.metrics,
  details: ['Exits with 1 when a metric that was asked for is not there.'],
  positionals: { least: 1, most: 1 },
  options: {
    metric: { type: 'string', multiple: true, value: 'NAME', description: 'Only this metric; repeatable [all].' },
  },
  async run({ positionals: [target = ''], all }) {
    const runPath = path.resolve(target);
    if ((await scanRun(runPath, new ScanContext())) === null) throw new UsageError(`${runPath} is not a run.`);
    const read = await readMetrics(runPath);
    const wanted = all('metric');
    const series = Object.entries(read.series).filter(([name]) => wanted.length === 0 || wanted.includes(name));
    const document: MetricsDocument = { segments: read.segments, series: Object.fromEntries(series) };
    const missing = wanted.filter((name) => !(name in document.series));
    const text = [
      ...document.segments.map(
        ({ segment, from, to }) => `segment ${segment}: steps ${formatCount(from)}–${formatCount(to)}`,
      ),
      table(
        series.map(([name, { steps, values }]) => [
          name,
          `${formatCount(values.length)} points`,
          `step ${formatCount(steps.at(-1) ?? 0)}`,
          formatValue(Number(values.at(-1))),
        ]),
      ),
      ...missing.map((name) => `There is no metric ${name}.`),
    ].filter((line) => line !== '');
    return { document, text: text.length === 0 ? 'No metrics yet.' : text.join('\n'), yes: missing.length === 0 };
  },
};
