/** Every metrics source. A run's is the first whose file is there; to add one, write it beside these and name it here. */
import { huggingFace } from './huggingFace';
import { LOG_SOURCES } from './logs';
import type { MetricsSource } from './source';
import { tensorBoard } from './tensorBoard';

export const METRICS_SOURCES: readonly MetricsSource[] = [...LOG_SOURCES, tensorBoard, huggingFace];
