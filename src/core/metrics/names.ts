/** Names of metrics that our own code asks for; a file of its own, since a scan asks for the loss and for nothing else. */

export const LOSS = 'loss/total';
export const EVAL_LOSS = 'eval_loss/total';
export const LEARNING_RATE = 'training/learning_rate';
export const TOKENS_PER_SECOND = 'throughput/tokens_per_second';
export const STEPS_PER_SECOND = 'throughput/steps_per_second';
export const GPU_MEMORY = 'system/gpu_memory_bytes';
