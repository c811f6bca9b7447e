/** One validation while it goes on: how deep it looks, what it has found so far, and the report that comes of it. */
import type { FileIdentity } from '../fileIdentity';
import { sorted, verdictOf } from './findings';
import { CHECKPOINT_FILES } from '../fileNames';
import { Progress } from './progress';
import {
  LEVELS,
  type Finding,
  type Level,
  type OptimizerFacts,
  type ProbedLayer,
  type ReadingOptions,
  type ReportedFile,
  type ValidationOptions,
  type ValidationReport,
} from '../report/report';
import type { TorchFile } from '../../torchfile/torchFile';
import type { WeightsShape } from '../weightNames';

/** For whoever wants what the files hold as well, without reading them again. */
export interface Onlooker {
  readonly onTorchFile?: (name: string, file: TorchFile) => void;
}

export class Validation {
  readonly findings: Finding[] = [];
  readonly files: ReportedFile[] = [];
  readonly level: Level;
  readonly progress: Progress;
  step: number | null = null;
  stage: string | null = null;
  layers: readonly number[] = [];
  weights: WeightsShape | null = null;
  optimizer: OptimizerFacts | null = null;
  probe: readonly ProbedLayer[] | null = null;

  /** `path`: a checkpoint's folder, or a file. */
  constructor(
    readonly path: string,
    readonly options: ValidationOptions & ReadingOptions & Onlooker,
  ) {
    this.level = options.level ?? 'numbers';
    this.progress = new Progress(options);
  }

  reaches(level: Level): boolean {
    return LEVELS.indexOf(this.level) >= LEVELS.indexOf(level);
  }

  /** Whether somebody has lost interest; errors of what was under way are then no findings. */
  get cancelled(): boolean {
    return this.options.signal?.aborted === true;
  }

  /** Lists files that nothing more is said about. */
  listUnread(states: Iterable<readonly [name: string, state: FileIdentity]>): void {
    for (const [name, state] of states) this.files.push({ name, bytes: state.bytes, format: 'not read' });
  }

  report(seconds: number): ValidationReport {
    const { weights } = this;
    this.progress.finish();
    return {
      path: this.path,
      level: this.level,
      verdict: verdictOf(this.findings),
      step: this.step,
      stage: this.stage,
      layers: this.layers,
      modulation: weights?.modulation ?? null,
      npRank: weights?.npRank ?? null,
      numRanks: weights?.numRanks ?? null,
      parameters: weights?.parameters ?? null,
      files: [...this.files].sort((a, b) => fileRank(a.name) - fileRank(b.name)),
      findings: sorted(this.findings),
      ...(this.probe ? { probe: this.probe } : {}),
      ...(this.optimizer ? { optimizer: this.optimizer } : {}),
      seconds,
    };
  }
}

function fileRank(name: string): number {
  return (CHECKPOINT_FILES as readonly string[]).indexOf(name);
}
