/** The checks of a checkpoint's states one by one, on states made by hand. */
import assert from 'node:assert/strict';
import { stageIndexAt } from '../../../src/core/curriculum';
import { checkAgreement, type CheckpointParts } from '../../../src/core/checkpoint/validate/agreementChecks';
import type { MultiLayerState, TrainingState } from '../../../src/core/checkpoint/contents';
import { canonicalJson, manifestHash, readManifest } from '../../../src/core/checkpoint/layouts/manifest';
import { FIELD_RULES } from '../../../src/core/checkpoint/layouts/field';
import { ours } from '../../../src/core/checkpoint/layouts/ours';
import { checkNumbers } from '../../../src/core/checkpoint/validate/numberChecks';
import type { Finding } from '../../../src/core/checkpoint/report/report';
import { checkMultiLayerState, checkTrainingState } from '../../../src/core/checkpoint/validate/stateChecks';
import { checkWeights } from '../../../src/core/checkpoint/validate/weightChecks';
import { parseWeightName, readWeightsShape } from '../../../src/core/checkpoint/weightNames';
import { dtypeByName } from '../../../src/core/torchfile/tensors/dtypes';
import { RunningTotals } from '../../../src/core/torchfile/tensors/totals';
import { PyDict, StorageRef, Tensor, type NamedTensor } from '../../../src/core/torchfile/pickle/values';

const FLOAT32 = dtypeByName('float32')!;

function tensor(shape: number[], type = FLOAT32): Tensor {
  const numel = shape.reduce((product, size) => product * size, 1);
  return new Tensor(new StorageRef('0', type, numel, 'cpu'), type, 0, shape, [shape[1] ?? 1, 1]);
}

/** d = 8, f = 20, r = 2. */
function layer(index: number, suffixes: string[] = [''], ranks: string[] = ['']): NamedTensor[] {
  return suffixes.flatMap((suffix) =>
    (['W_down', 'W_a_up', 'W_b_up'] as const).flatMap((matrix) =>
      ranks.map((rank) => ({
        name: `layer_${index}_np.${matrix}${suffix}${rank}`,
        tensor: tensor(matrix === 'W_down' ? [8, 2] : [2, (matrix === 'W_a_up') === (suffix === '_down') ? 20 : 8]),
      })),
    ),
  );
}

function check(tensors: NamedTensor[]): Finding[] {
  return checkWeights(new PyDict(), tensors).findings;
}

const codes = (findings: readonly Finding[]): string[] => findings.map((finding) => finding.code);

describe('weight names', () => {
  it('are read in both spellings', () => {
    assert.deepEqual(parseWeightName('layer_13_np.W_a_up_up.3'), {
      layer: 13,
      matrix: 'W_a_up',
      projection: 'up',
      rank: 3,
    });
    assert.deepEqual(parseWeightName('model.layers.5.np_component.W_down_down'), {
      layer: 5,
      matrix: 'W_down',
      projection: 'down',
      rank: null,
    });
    assert.deepEqual(parseWeightName('layer_0_np.W_down'), { layer: 0, matrix: 'W_down', projection: '', rank: null });
    for (const name of [
      'layer_1_np.W_x',
      'layer_x_np.W_down',
      'W_down',
      'layer_1_np.W_down_side',
      'layer_1_np.W_down.',
    ])
      assert.equal(parseWeightName(name), null, name);
  });
});

describe('checkWeights', () => {
  it('accepts every modulation and reads its shape', () => {
    for (const [suffixes, modulation] of [
      [[''], 'single'],
      [['_gate', '_up'], 'dual'],
      [['_gate', '_up', '_down'], 'triple'],
    ] as const) {
      const tensors = [...layer(3, [...suffixes], ['.0', '.1']), ...layer(7, [...suffixes], ['.0', '.1'])];
      assert.deepEqual(check(tensors), []);
      const shape = readWeightsShape(tensors);
      assert.deepEqual(
        [shape.layers, shape.modulation, shape.npRank, shape.numRanks, shape.hiddenSize, shape.mlpSize],
        [[3, 7], modulation, 2, 2, 8, 20],
      );
    }
  });

  it('finds what is missing, mixed, misshapen, of another type or no weight', () => {
    assert.deepEqual(codes(check([])), ['no-weights']);
    assert.deepEqual(codes(checkWeights(null, []).findings), ['bad-value']);
    assert.deepEqual(codes(check([...layer(1), { name: 'lm_head.weight', tensor: tensor([2, 2]) }])), [
      'unknown-weight',
    ]);
    assert.deepEqual(codes(check([...layer(1), ...layer(2).slice(1)])), ['missing-weight']);
    assert.deepEqual(codes(check([...layer(1), ...layer(2, ['_gate', '_up'])])).slice(0, 1), ['mixed-modulation']);
    assert.deepEqual(codes(check([...layer(1, [''], ['.0', '.1']), ...layer(2, [''], ['.0'])])), [
      'mixed-modulation',
      'missing-weight',
    ]);
    const wrong = [...layer(1), ...layer(2)].map((item) =>
      item.name === 'layer_2_np.W_b_up' ? { ...item, tensor: tensor([2, 21]) } : item,
    );
    const [shape] = check([...wrong, ...layer(3)]);
    assert.equal(shape?.code, 'weight-shape');
    assert.match(shape.message, /layer_2_np\.W_b_up is \(2, 21\), expected \(2, 20\)/);
    const half = layer(1).map((item) => ({
      ...item,
      tensor: tensor([...item.tensor.shape], dtypeByName('bfloat16')!),
    }));
    assert.deepEqual(codes(check(half)), ['weight-type']);
  });
});

const training: TrainingState = {
  keys: [
    'global_step',
    'batch_count',
    'optimizer_state_dict',
    'scheduler_state_dict',
    'scaler_state_dict',
    'rng_state',
    'data_state',
  ],
  schema: 1,
  globalStep: 30,
  batchCount: 60,
  optimizer: null,
  scheduler: null,
  scaler: null,
  config: null,
  merged: false,
};
const multiLayer: MultiLayerState = {
  keys: ['layers_to_train', 'curriculum_schedule', 'current_stage_index', 'layer_weights'],
  layersToTrain: [1, 2],
  curriculumSchedule: [
    { name: 'teacher', from: 0, until: 20, mixingRatio: 0, mlpMixingRatio: null },
    { name: 'mixed', from: 20, until: 50, mixingRatio: 0.5, mlpMixingRatio: null },
  ],
  currentStageIndex: 1,
  layerWeights: new Map([
    [1, 1],
    [2, 1],
  ]),
};

describe('checkTrainingState', () => {
  it('wants the keys of its layout and sane values', () => {
    const optimizer = { groups: [], state: new Map(), entries: new Map(), plainSteps: new Map(), named: false };
    assert.deepEqual(checkTrainingState({ ...training, optimizer }, ours.npt!), []);
    assert.deepEqual(codes(checkTrainingState(null, ours.npt!)), ['bad-value']);
    assert.deepEqual(
      codes(checkTrainingState({ ...training, optimizer, keys: training.keys.slice(0, 5) }, ours.npt!)),
      ['missing-key'],
    );
    assert.deepEqual(checkTrainingState({ ...training, optimizer, keys: training.keys.slice(0, 5) }, FIELD_RULES), []);
    assert.deepEqual(
      codes(checkTrainingState({ ...training, optimizer, globalStep: -1, batchCount: null }, ours.npt!)),
      ['bad-value', 'bad-value'],
    );
    assert.deepEqual(codes(checkTrainingState({ ...training, schema: 7 }, ours.npt!)), ['newer-schema']);
    const diverged = {
      groups: [{ params: [], learningRate: NaN, settings: {} }],
      state: new Map(),
      entries: new Map(),
      plainSteps: new Map(),
      named: false,
    };
    assert.deepEqual(codes(checkTrainingState({ ...training, optimizer: diverged }, ours.npt!)), ['non-finite']);
  });
});

describe('checkMultiLayerState', () => {
  it('wants layers, a curriculum with rising ends, and a weight for each layer', () => {
    assert.deepEqual(checkMultiLayerState(multiLayer), []);
    assert.deepEqual(codes(checkMultiLayerState(null)), ['bad-value']);
    assert.deepEqual(codes(checkMultiLayerState({ ...multiLayer, layersToTrain: [1, 1] })), ['bad-value']);
    assert.deepEqual(codes(checkMultiLayerState({ ...multiLayer, layerWeights: new Map([[1, 1]]) })), [
      'layer-weights',
    ]);
    assert.deepEqual(
      codes(
        checkMultiLayerState({
          ...multiLayer,
          layerWeights: new Map([
            [1, NaN],
            [2, 1],
          ]),
        }),
      ),
      ['non-finite'],
    );
    for (const bad of [
      null,
      [],
      [{ name: 'x', from: 0, until: 5, mixingRatio: 0, mlpMixingRatio: null }],
      [{ name: 'mixed', from: 0, until: 5, mixingRatio: 2, mlpMixingRatio: null }],
      [...(multiLayer.curriculumSchedule ?? [])].reverse(),
    ]) {
      assert.deepEqual(codes(checkMultiLayerState({ ...multiLayer, curriculumSchedule: bad })), [
        'curriculum-malformed',
      ]);
    }
  });
});

describe('checkAgreement', () => {
  const weights = readWeightsShape([...layer(1), ...layer(2)]);
  const moments = (shapes: number[][]): TrainingState['optimizer'] => ({
    groups: [{ params: shapes.map((_, i) => i), learningRate: 1e-3, settings: {} }],
    entries: new Map(),
    plainSteps: new Map(),
    named: false,
    state: new Map(
      shapes.map((shape, i) => [
        i,
        [
          { name: 'exp_avg', tensor: tensor(shape) },
          { name: 'step', tensor: tensor([]) },
        ],
      ]),
    ),
  });
  const shapes = weights.weights.map((weight) => [...weight.shape]);
  const whole: CheckpointParts = {
    rules: ours.npt!,
    folderStep: 30,
    weights,
    training: { ...training, optimizer: moments(shapes) },
    multiLayer,
    config: null,
    manifest: null,
  };
  const said = (parts: Partial<CheckpointParts>): string[] =>
    checkAgreement({ ...whole, ...parts }).map((finding) => `${finding.code} ${finding.severity}`);
  const state = (change: Partial<TrainingState>): TrainingState => ({
    ...training,
    optimizer: moments(shapes),
    ...change,
  });

  it('finds nothing where all agree', () => {
    assert.deepEqual(said({}), []);
    assert.deepEqual(said({ weights: null, training: null, multiLayer: null }), []);
  });

  it('takes a stage to end before its end, and the last to stay', () => {
    const schedule = multiLayer.curriculumSchedule ?? [];
    assert.deepEqual(
      [0, 19, 20, 49, 50, 1e9].map((step) => stageIndexAt(schedule, step)),
      [0, 0, 1, 1, 1, 1],
    );
  });

  it('compares steps', () => {
    assert.deepEqual(said({ folderStep: 40 }), ['step-folder error']);
    assert.deepEqual(said({ manifest: readManifest({ step: 29, stage: 'mixed' }) }), ['step-manifest error']);
    assert.deepEqual(said({ manifest: readManifest({ step: 30, stage: 'student' }) }), ['stage-manifest error']);
    assert.deepEqual(said({ training: state({ scheduler: { origin_step: 40 } }) }), ['step-scheduler error']);
    assert.deepEqual(said({ training: state({ scheduler: { origin_step: 31 } }) }), []);
    assert.deepEqual(said({ rules: FIELD_RULES, training: state({ scheduler: { last_epoch: 31 } }) }), [
      'step-scheduler warning',
    ]);
  });

  it('compares stages, mildly on another trainer’s boundary', () => {
    const at20 = {
      training: state({ globalStep: 20 }),
      folderStep: 20,
      multiLayer: { ...multiLayer, currentStageIndex: 0 },
    };
    assert.deepEqual(said({ ...at20, rules: FIELD_RULES }), ['stage-boundary info']);
    assert.deepEqual(said({ ...at20, rules: ours.npt! }), ['stage-mismatch error']);
  });

  it('compares layers', () => {
    assert.deepEqual(said({ multiLayer: { ...multiLayer, layersToTrain: [2, 3] } }), [
      'layer-missing error',
      'layer-extra warning',
    ]);
  });

  it('fits the optimizer to the weights', () => {
    assert.deepEqual(said({ training: state({ optimizer: moments(shapes.slice(1)) }) }), ['optimizer-mismatch error']);
    assert.deepEqual(said({ training: state({ optimizer: moments([...shapes].reverse()) }) }), [
      'optimizer-mismatch error',
    ]);
    assert.deepEqual(said({ rules: FIELD_RULES, training: state({ optimizer: moments([...shapes].reverse()) }) }), [
      'optimizer-order warning',
    ]);
    assert.deepEqual(
      said({ rules: FIELD_RULES, training: state({ optimizer: moments([[9, 9], ...shapes.slice(1)]) }) }),
      ['optimizer-mismatch error'],
    );
    assert.deepEqual(said({ training: state({ optimizer: { ...moments(shapes)!, state: new Map() } }) }), [
      'optimizer-empty warning',
    ]);
    assert.deepEqual(
      said({
        training: state({ globalStep: 0, optimizer: { ...moments(shapes)!, state: new Map() } }),
        folderStep: 0,
        multiLayer: { ...multiLayer, currentStageIndex: 0 },
      }),
      [],
    );
    assert.deepEqual(said({ rules: FIELD_RULES, training: state({ merged: true, optimizer: moments([]) }) }), [
      'merged-checkpoint info',
    ]);
    // Our own merge takes the moments along, and is held to it.
    assert.deepEqual(said({ training: state({ merged: true }) }), ['merged-checkpoint info']);
    assert.deepEqual(said({ training: state({ merged: true, optimizer: moments([]) }) }), ['optimizer-mismatch error']);
    const stray = moments(shapes)!;
    assert.deepEqual(
      said({ training: state({ optimizer: { ...stray, state: new Map([...stray.state, [99, []]]) } }) }),
      ['optimizer-mismatch error'],
    );
  });

  it('holds only our own configuration to its word', () => {
    assert.deepEqual(said({ config: { np_rank: 64 } }), ['config-mismatch warning']);
    assert.deepEqual(said({ rules: FIELD_RULES, config: { np_rank: 64 } }), []);
  });
});

describe('checkNumbers', () => {
  const numbers = (values: Float32Array): Parameters<typeof checkNumbers>[0] => {
    const totals = new RunningTotals();
    totals.add(values);
    return [{ name: 'w', totals, firstIndex: '[0]' }];
  };
  const ones = (length: number): Float32Array => new Float32Array(length).fill(1);

  it('knows zeros, pages of zeros and enormous values of weights', () => {
    assert.deepEqual(checkNumbers(numbers(ones(5000)), 'x', 'weights', 5), []);
    assert.deepEqual(codes(checkNumbers(numbers(new Float32Array(50)), 'x', 'weights', 5)), ['zero-tensor']);
    assert.deepEqual(checkNumbers(numbers(new Float32Array(50)), 'x', 'weights', 0), []);
    const page = ones(5000).fill(0, 1024, 3072);
    const [finding] = checkNumbers(numbers(page), 'x', 'weights', 5);
    assert.equal(finding?.code, 'zero-block');
    assert.match(finding.message, /8 KiB of zeros in a row, from element 1024/);
    assert.deepEqual(codes(checkNumbers(numbers(ones(9).fill(2e4, 0, 1)), 'x', 'weights', 5)), ['huge-values']);
    assert.deepEqual(checkNumbers(numbers(page), 'x', 'state', 5), []);
  });

  it('takes infinities outside of weights and moments for what they may be', () => {
    const infinite = numbers(ones(3).fill(-Infinity, 1, 2));
    assert.equal(checkNumbers(infinite, 'x', 'weights', 5)[0]?.severity, 'error');
    assert.equal(checkNumbers(infinite, 'x', 'other', 5)[0]?.severity, 'warning');
    assert.equal(checkNumbers(infinite, 'x', 'state', 5)[0]?.severity, 'warning');
  });

  it('names five tensors and counts the rest', () => {
    const many = Array.from({ length: 9 }, () => numbers(ones(3).fill(NaN))[0]!);
    const findings = checkNumbers(many, 'x', 'weights', 5);
    assert.equal(findings.length, 6);
    assert.match(findings[5]?.message ?? '', /4 more tensors/);
  });
});

describe('manifests', () => {
  it('carry a hash of themselves that does not depend on the order of keys', () => {
    const manifest = { step: 3, schema: 1, metrics: { 'loss/total': 1e-7, x: 'NaN' }, files: {} };
    const sha256 = manifestHash(manifest);
    assert.equal(
      manifestHash({ files: {}, metrics: { x: 'NaN', 'loss/total': 0.0000001 }, schema: 1, step: 3, sha256: 'x' }),
      sha256,
    );
    assert.equal(readManifest({ ...manifest, sha256 }).intact, true);
    assert.equal(readManifest({ ...manifest, sha256, step: 4 }).intact, false);
    assert.equal(readManifest(manifest).intact, null);
    assert.ok(Number.isNaN(readManifest(manifest).metrics['x']));
    assert.equal(canonicalJson([1, 'a', null, { b: true }]), '[1,"a",null,{"b":true}]');
  });
});
