/** What the probe's page is told about a run. Without VS Code, so that the page's tests make it from real probes. */
import type { RunProbe, RunProbedLayer } from '../../core/checkpoint/probe/probeRun';
import type { Checkpoint, Run } from '../../core/experiment/model';
import type { ProbedLayerFacts, ProbeMessage } from '../../protocol/probe';

/** The checkpoints that a probe runs: the complete ones by step, and `final` where it is a step of its own. */
export function checkpointsToProbe(run: Run): Checkpoint[] {
  const { final } = run;
  const own = final !== null && !run.checkpoints.some(({ step }) => step === final.step) ? [final] : [];
  return [...run.checkpoints, ...own]
    .filter((checkpoint) => checkpoint.state === 'complete')
    .sort((a, b) => a.step - b.step);
}

/** JSON, which carries messages to a page, has no other way to say it. */
function finite(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

/** The gate's first rank, which the trainer's own measurements are about (contract section 6). */
function gateOf(layer: RunProbedLayer): RunProbedLayer['parts'][number] | undefined {
  return layer.parts.find(({ projection, rank }) => rank === 0 && (projection === '' || projection === 'gate'));
}

function layerFacts(layer: RunProbedLayer): ProbedLayerFacts {
  const gate = gateOf(layer);
  const nonFinite = layer.parts.reduce((sum, part) => sum + part.nonFinite, 0);
  // Lengths leave out what is not finite: they would look like a component that shrank.
  const sound = (gate?.nonFinite ?? 0) === 0;
  return {
    layer: layer.layer,
    similarity: finite(gate?.similarity),
    vANorm: sound ? finite(gate?.vANorm) : null,
    vBNorm: sound ? finite(gate?.vBNorm) : null,
    effectiveRank: finite(layer.effectiveRank),
    drift: finite(layer.drift),
    nonFinite,
  };
}

/** @param checkpoints those that were probed, in that order */
export function probeMessage(
  run: Run,
  checkpoints: readonly Checkpoint[],
  probe: RunProbe,
  time: number,
): ProbeMessage {
  const layers = probe.checkpoints.flatMap((checkpoint) => checkpoint.layers);
  const inputs = new Set(layers.map(({ input }) => input));
  const differences = layers.flatMap((layer) => {
    const measured = gateOf(layer)?.similarity;
    if (layer.input !== 'probe.pt' || layer.logged === null || measured === null || measured === undefined) return [];
    return finite(Math.abs(layer.logged - measured)) ?? [];
  });
  return {
    type: 'probe',
    run: run.path,
    name: run.name,
    time,
    stages: run.curriculum?.stages ?? [],
    input: inputs.size === 2 ? 'both' : ([...inputs][0] ?? null),
    tokens: Math.max(0, ...layers.map(({ tokens }) => tokens)),
    largestDifference: differences.length === 0 ? null : Math.max(...differences),
    checkpoints: probe.checkpoints.flatMap((probed, index) => {
      const checkpoint = checkpoints[index];
      if (checkpoint === undefined) return [];
      const { name, step, stage } = checkpoint;
      return [{ name, step, stage, problem: probed.problem, layers: probed.layers.map(layerFacts) }];
    }),
  };
}
