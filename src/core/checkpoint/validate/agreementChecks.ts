/** Whether a checkpoint's files speak of the same checkpoint: steps, stages, layers, optimizer, configuration. */
import { knownStage, stageIndexAt } from '../../curriculum';
import type { MultiLayerState, TrainingState } from '../contents';
import type { NptRules } from '../layouts/layout';
import { finding } from './findings';
import type { Manifest } from '../layouts/manifest';
import type { JsonObject } from '../../jsonText';
import { CONFIG, MANIFEST, MULTI_LAYER_STATE, TRAINING_STATE, WEIGHTS } from '../fileNames';
import { optimizerUse } from '../optimizerUse';
import { assignParameters, type Misfit } from '../compare/optimizerAssignment';
import type { Finding } from '../report/report';
import type { WeightsShape } from '../weightNames';

export interface CheckpointParts {
  readonly rules: NptRules;
  readonly folderStep: number | null;
  readonly weights: WeightsShape | null;
  readonly training: TrainingState | null;
  readonly multiLayer: MultiLayerState | null;
  readonly config: JsonObject | null;
  readonly manifest: Manifest | null;
}

export function checkAgreement(parts: CheckpointParts): Finding[] {
  return [
    ...checkSteps(parts),
    ...checkStage(parts),
    ...checkLayers(parts),
    ...checkOptimizer(parts),
    ...checkConfig(parts),
  ];
}

function checkSteps({ rules, folderStep, training, manifest }: CheckpointParts): Finding[] {
  const findings: Finding[] = [];
  const step = training?.globalStep ?? null;
  if (step !== null && folderStep !== null && step !== folderStep) {
    findings.push(
      finding(
        'step-folder',
        TRAINING_STATE,
        `The folder is named for step ${folderStep}, but ${TRAINING_STATE} is at step ${step}.`,
      ),
    );
  }
  if (manifest?.step !== null && manifest?.step !== undefined) {
    const other = step ?? folderStep;
    if (other !== null && other !== manifest.step) {
      findings.push(
        finding(
          'step-manifest',
          MANIFEST,
          `${MANIFEST} is of step ${manifest.step}, but the checkpoint is at step ${other}.`,
        ),
      );
    }
  }
  const scheduler = training?.scheduler ?? null;
  if (step !== null && scheduler) {
    // Our schedule starts at or before the step it is stored at; a LambdaLR counts its own steps.
    const origin = scheduler['origin_step'];
    const counted = scheduler['last_epoch'];
    if (rules.storesSchedule && typeof origin === 'number' && origin > step + 1) {
      findings.push(
        finding(
          'step-scheduler',
          TRAINING_STATE,
          `The learning rate schedule begins at step ${origin}, after the checkpoint's step ${step}.`,
        ),
      );
    } else if (typeof counted === 'number' && counted !== step) {
      // Other trainers may step their scheduler in another rhythm (fp16 skips, several processes).
      findings.push(
        finding(
          'step-scheduler',
          TRAINING_STATE,
          `The learning rate scheduler has counted ${counted} steps where the checkpoint is at step ${step}.`,
          'warning',
        ),
      );
    }
  }
  return findings;
}

function checkStage({ rules, training, multiLayer, manifest }: CheckpointParts): Finding[] {
  const schedule = multiLayer?.curriculumSchedule;
  const step = training?.globalStep ?? null;
  if (!schedule || schedule.length === 0 || step === null) return [];
  const expected = stageIndexAt(schedule, step);
  const expectedName = knownStage(schedule[expected]?.name);
  if (expectedName === null) return []; // the schedule itself is reported
  const findings: Finding[] = [];
  const stored = multiLayer.currentStageIndex;
  if (stored !== null && stored !== expected) {
    const boundary = stored === expected - 1 && schedule[stored]?.until === step;
    if (boundary && !rules.storesStageOfStep) {
      findings.push(
        finding(
          'stage-boundary',
          MULTI_LAYER_STATE,
          `Step ${step} is where ${expectedName} begins; ${MULTI_LAYER_STATE} still names the stage before it, as other trainers do.`,
        ),
      );
    } else {
      const severity = rules.storesStageOfStep ? undefined : 'warning';
      findings.push(
        finding(
          'stage-mismatch',
          MULTI_LAYER_STATE,
          `${MULTI_LAYER_STATE} names stage ${stored}, but step ${step} is in stage ${expected} (${expectedName}).`,
          severity,
        ),
      );
    }
  }
  if (manifest?.stage !== null && manifest?.stage !== undefined && manifest.stage !== expectedName) {
    findings.push(
      finding(
        'stage-manifest',
        MANIFEST,
        `${MANIFEST} does not name the stage of step ${step}, which is ${expectedName}.`,
      ),
    );
  }
  return findings;
}

function checkLayers({ weights, multiLayer }: CheckpointParts): Finding[] {
  const wanted = multiLayer?.layersToTrain;
  if (!weights || weights.weights.length === 0 || !wanted) return [];
  const findings: Finding[] = [];
  const missing = wanted.filter((layer) => !weights.layers.includes(layer));
  const extra = weights.layers.filter((layer) => !wanted.includes(layer));
  if (missing.length > 0) {
    findings.push(
      finding(
        'layer-missing',
        WEIGHTS,
        `${WEIGHTS} has no tensors of layer ${missing.join(', ')}, which ${MULTI_LAYER_STATE} says is trained.`,
      ),
    );
  }
  if (extra.length > 0) {
    findings.push(
      finding(
        'layer-extra',
        WEIGHTS,
        `${WEIGHTS} has tensors of layer ${extra.join(', ')}, which ${MULTI_LAYER_STATE} does not train.`,
      ),
    );
  }
  return findings;
}

function checkOptimizer({ rules, weights, training }: CheckpointParts): Finding[] {
  const optimizer = training?.optimizer;
  if (!weights || weights.weights.length === 0 || !optimizer) return [];
  const use = optimizerUse(optimizer);
  const afresh = (why: string): Finding[] => [
    finding('optimizer-other', TRAINING_STATE, `A resume starts the optimizer afresh: ${why}.`),
  ];
  if (use.kind === 'afresh' && optimizer.named) return afresh(use.why);
  const assignment = assignParameters(rules, training, optimizer, weights.weights);
  const mismatch = (text: string): Finding[] => [finding('optimizer-mismatch', TRAINING_STATE, text)];
  switch (assignment.kind) {
    case 'merged':
      return [
        finding(
          'merged-checkpoint',
          TRAINING_STATE,
          'A resume starts the optimizer afresh: the checkpoint was merged from several runs, and its optimizer state does not belong to its weights.',
        ),
      ];
    case 'count':
      return mismatch(
        `The optimizer state is of ${assignment.parameters} parameters, but ${WEIGHTS} has ${weights.weights.length} NP tensors.`,
      );
    case 'stray':
      return mismatch(
        `The optimizer state holds moments of parameter ${assignment.index}, which no parameter group has.`,
      );
    case 'shapes': {
      if (use.kind === 'afresh') return afresh(use.why);
      const text = misfitText(assignment.misfits);
      return assignment.reordered && !rules.optimizerInOrder
        ? [
            finding(
              'optimizer-order',
              TRAINING_STATE,
              `A resume starts the optimizer afresh: its state is in another order than ${WEIGHTS} (${text}).`,
            ),
          ]
        : mismatch(`The optimizer state does not fit ${WEIGHTS}: ${text}.`);
    }
    case 'fits':
      break;
  }
  if (training.merged) {
    return [
      finding(
        'merged-checkpoint',
        TRAINING_STATE,
        'The checkpoint was merged from several runs; each layer’s optimizer state came along with it.',
      ),
    ];
  }
  if (use.kind === 'afresh') return afresh(use.why);
  if (use.kind === 'converted')
    return [finding('optimizer-converted', TRAINING_STATE, `A resume converts the optimizer state: ${use.how}.`)];
  const step = training.globalStep ?? 0;
  const { entries, state } = optimizer;
  const empty = state.size === 0 || (entries.size > 0 && [...entries.values()].every((names) => names.length === 0));
  return empty && step > 0
    ? [
        finding(
          'optimizer-empty',
          TRAINING_STATE,
          `A resume starts the optimizer afresh: its state is empty at step ${step}.`,
        ),
      ]
    : [];
}

function misfitText(misfits: readonly Misfit[]): string {
  const [first] = misfits;
  if (!first) return '';
  const { index, name, shape, weight } = first;
  return `${name} of parameter ${index} is (${shape.join(', ')}) where ${weight.key} is (${weight.shape.join(', ')})${
    misfits.length > 1 ? ` (and ${misfits.length - 1} more)` : ''
  }`;
}

/** Only our trainer's config.json can be held to its word: others write a rank of 64 whatever was used. */
function checkConfig({ rules, config, weights }: CheckpointParts): Finding[] {
  if (!rules.configIsTrue || !config || !weights || weights.weights.length === 0) return [];
  const wrong: string[] = [];
  const compare = (name: string, actual: number | boolean | null): void => {
    const said = config[name];
    if ((typeof said === 'number' || typeof said === 'boolean') && typeof said === typeof actual && said !== actual) {
      wrong.push(`${name} is ${String(said)} there and ${String(actual)} in the tensors`);
    }
  };
  compare('np_rank', weights.npRank);
  compare('num_ranks', weights.numRanks);
  compare('triple_modulation', weights.modulation === 'triple');
  if (weights.modulation !== 'triple') compare('dual_modulation', weights.modulation === 'dual');
  return wrong.length === 0
    ? []
    : [finding('config-mismatch', CONFIG, `${CONFIG} disagrees with ${WEIGHTS}: ${wrong.join(', ')}.`)];
}
