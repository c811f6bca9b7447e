/** The level forward: what running the NP components says about them. */
import { basename } from 'node:path';
import { messageOf } from '../../errors';
import { quoted } from '../../torchfile/problems';
import { finding } from './findings';
import type { Manifest } from '../layouts/manifest';
import { WEIGHTS } from '../fileNames';
import { probePathOf, probeWeights } from '../probe/probe';
import type { Finding, ProbedLayer } from '../report/report';
import type { Validation } from './validation';

/** fp32 on another device and in another order of sums differs by far less; another checkpoint's weights by more. */
const TOLERANCE = 0.01;

/** The level forward: runs the components of `weightsPath`, unless what came before says that nothing good can come of it. */
export async function runForward(
  validation: Validation,
  weightsPath: string,
  manifest: Manifest | null,
): Promise<void> {
  const { findings, weights, path, options } = validation;
  const file = basename(weightsPath);
  if (!weights || weights.weights.length === 0) {
    findings.push(forwardUnavailable('there are no NP weights to run'));
    return;
  }
  if (findings.some((item) => item.severity === 'error' && (item.file === file || item.file === null))) {
    findings.push(forwardUnavailable('the weights are damaged'));
    return;
  }
  try {
    validation.probe = await probeWeights(weightsPath, probePathOf(path), { signal: options.signal });
    findings.push(...checkForward(validation.probe, manifest, file));
  } catch (error) {
    if (validation.cancelled) throw error;
    findings.push(forwardUnavailable(reasonOf(error)));
  }
}

function checkForward(layers: readonly ProbedLayer[], manifest: Manifest | null, file: string = WEIGHTS): Finding[] {
  const findings: Finding[] = [];
  for (const { layer, parts, input } of layers) {
    const bad = parts.reduce((sum, part) => sum + part.nonFinite, 0);
    if (bad > 0) {
      findings.push(
        finding(
          'forward-non-finite',
          file,
          `The NP component of layer ${layer} gives ${bad} outputs that are not finite.`,
        ),
      );
      continue;
    }
    const logged = manifest?.metrics[`probe/v_a_attention_similarity/layer_${layer}`];
    const measured = parts.find(
      (part) => part.rank === 0 && part.projection !== 'up' && part.projection !== 'down',
    )?.similarity;
    if (input !== 'probe.pt' || logged === undefined || measured === undefined || measured === null) continue;
    if (Number.isFinite(logged) && Math.abs(logged - measured) > TOLERANCE) {
      findings.push(
        finding(
          'forward-disagrees',
          file,
          `Layer ${layer} has a similarity of ${measured.toFixed(4)} on probe.pt where the trainer logged ${logged.toFixed(4)}.`,
        ),
      );
    }
  }
  return findings;
}

function forwardUnavailable(reason: string): Finding {
  return finding('forward-unavailable', null, `The forward check was not run: ${reason}.`);
}

/** The first line of what went wrong, fit for a message. */
export function reasonOf(error: unknown): string {
  const text = messageOf(error);
  return quoted(text.split('\n')[0] ?? '', 200)
    .slice(1, -1)
    .replace(/\.$/, '');
}
