/** Tells what the run that somebody looks at uses of this machine's GPUs, for as long as it trains here. */
import { Disposable, type Ends } from '../core/disposable';
import type { Run, RunProcess } from '../core/experiment/model';
import type { Gpu } from '../core/training/gpus/gpu';
import type { GpuMonitor } from '../core/training/gpus/gpuMonitor';
import { useOfGpus, type GpuUse } from '../core/training/gpus/gpuUse';
import { gpusOf, trainsHere } from '../core/training/gpus/runGpus';

export class GpuWatch extends Disposable {
  private looking: { readonly process: string; readonly look: Ends } | undefined;
  private use: GpuUse | null = null;
  private own: readonly Gpu[] = [];

  /**
   * @param tell called with each reading, and with null when there is nothing to tell any more
   * @param times how many times as seldom as usual is enough (GpuMonitor)
   */
  constructor(
    private readonly monitor: GpuMonitor,
    private readonly tell: (use: GpuUse | null) => void,
    private readonly times = 1,
  ) {
    super();
    this._register({ dispose: () => this.looking?.look.dispose() });
  }

  /** What was told last. */
  get current(): GpuUse | null {
    return this.use;
  }

  /** The run's GPUs by themselves, as of then. */
  get gpus(): readonly Gpu[] {
    return this.own;
  }

  /** It is about this run from now on, as it is now; undefined: about none. */
  follow(run: Run | undefined): void {
    if (this.isDisposed) return;
    const process = run !== undefined && trainsHere(run) ? run.process : undefined;
    const key = process === undefined ? '' : `${process.pid} ${process.startTicks} ${process.supervisor?.pid ?? ''}`;
    if (key === (this.looking?.process ?? '')) return;
    this.looking?.look.dispose();
    this.looking = undefined;
    this.own = [];
    if (this.use !== null) this.set(null);
    if (process !== undefined) this.looking = { process: key, look: this.lookAt(process) };
  }

  private lookAt(process: RunProcess): Ends {
    return this.monitor.look(({ gpus }) => {
      this.own = gpusOf(gpus, process);
      const use = useOfGpus(this.own);
      if (use !== null || this.use !== null) this.set(use);
    }, this.times);
  }

  private set(use: GpuUse | null): void {
    this.use = use;
    this.tell(use);
  }
}
