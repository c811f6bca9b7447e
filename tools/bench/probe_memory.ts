/**
 * What running every NP component of a large npt_weights.pt costs in time and in anonymous memory: the weights are to be
 * mapped out of the file, not copied. Linux only: /proc tells anonymous from mapped memory.
 * usage: tsx tools/bench/probe_memory.ts NPT_WEIGHTS
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { loadRuntime, probeWeights } from '../../src/core/checkpoint/probe/probe';

/** Bytes of this process in a category of /proc/self/status. */
function resident(category: 'RssAnon' | 'RssFile'): number {
  const line = new RegExp(`^${category}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line?.[1] ?? NaN) * 1024;
}

async function main(weights: string): Promise<void> {
  if (!existsSync('/proc/self/status')) {
    process.stdout.write('probe: anonymous memory is not measured on this system\n');
    return;
  }
  await loadRuntime();
  const before = resident('RssAnon');
  const mapped = resident('RssFile');
  let [peak, mostMapped] = [before, mapped];
  const sample = (): void => {
    peak = Math.max(peak, resident('RssAnon'));
    mostMapped = Math.max(mostMapped, resident('RssFile'));
  };
  // Also between the layers' ends: what is allocated only while a session opens counts.
  const timer = setInterval(sample, 1);
  const began = performance.now();
  // A layer's outputs come while its session is open.
  const layers = await probeWeights(weights, null, { onOutputs: sample });
  const seconds = (performance.now() - began) / 1000;
  clearInterval(timer);
  sample();
  if (!layers.every((layer) => layer.mapped)) throw new Error('a layer was copied, not mapped');
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  process.stdout.write(
    `probe of ${layers.length} layers, ${mb(statSync(weights).size)}: ${seconds.toFixed(2)} s, ` +
      `${mb(peak - before)} of anonymous memory more, at most ${mb(mostMapped - mapped)} mapped at once\n`,
  );
}

const [weights] = process.argv.slice(2);
if (weights === undefined) throw new Error('usage: tsx tools/bench/probe_memory.ts NPT_WEIGHTS');
main(weights).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
