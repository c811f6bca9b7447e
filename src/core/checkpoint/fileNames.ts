/** Names of a checkpoint's files, and of what lies around it in its run (contract sections 1, 2 and 7). */

export const WEIGHTS = 'npt_weights.pt';
export const TRAINING_STATE = 'training_state.pt';
export const MULTI_LAYER_STATE = 'multi_layer_state.pt';
export const CONFIG = 'config.json';
export const MANIFEST = 'manifest.json';

/** In the order in which trainers write them. */
export const CHECKPOINT_FILES = [WEIGHTS, TRAINING_STATE, MULTI_LAYER_STATE, CONFIG, MANIFEST] as const;

/** Those of them that torch writes. */
export const TORCH_FILES = [WEIGHTS, TRAINING_STATE, MULTI_LAYER_STATE] as const;

/** The folder in a run that its checkpoints are in. */
export const CHECKPOINTS = 'checkpoints';

/** The checkpoint that a run ended with; it is replaced, never deleted, and its name tells no step. */
export const FINAL = 'final';

/** The best checkpoint, in full, as other trainers keep it; ours only names it. */
export const BEST_COPY = 'best';

/** A few attention outputs of the run's layers, beside `checkpoints`. */
export const PROBE = 'probe.pt';
