/** The GPU that a run is started on where nothing says which: a free one, not the first, which somebody may be computing on. */
import { freeGpus } from '../gpus/gpu';
import type { GpuReading } from '../gpus/nvidiaSmi';
import type { Plan } from '../plan/plan';
import { launcherOf } from './index';

const VISIBLE = 'CUDA_VISIBLE_DEVICES';
/** How long a run may take until nvidia-smi shows it on the GPU that it was given: it loads its model first. */
const TAKEN_MS = 120_000;

export class FreeGpus {
  /** UUIDs that were handed out, and when. */
  private readonly taken = new Map<string, number>();

  /** @param read asks this machine for its GPUs; must not reject */
  constructor(
    private readonly read: () => Promise<GpuReading>,
    private readonly environment: NodeJS.ProcessEnv = process.env,
    private readonly now: () => number = Date.now,
  ) {}

  /** The plan on a free GPU where it leaves open which, and there are several; else the plan as it is. */
  async place(plan: Plan): Promise<Plan> {
    if (!this.leavesOpen(plan)) return plan;
    const { gpus } = await this.read();
    // One that cannot be chosen is the trainer's to take.
    if (gpus.length < 2) return plan;
    const now = this.now();
    for (const [uuid, at] of this.taken) if (now - at > TAKEN_MS) this.taken.delete(uuid);
    const [free] = freeGpus(gpus, new Set(this.taken.keys()));
    if (free === undefined) return plan;
    const choice = launcherOf(plan.launch.kind)
      .choices(gpus)
      .find((each) => each.gpus?.length === 1 && each.gpus[0]?.uuid === free.uuid);
    if (choice === undefined) return plan;
    this.taken.set(free.uuid, now);
    return { ...plan, launch: { ...plan.launch, options: { ...plan.launch.options, ...choice.options } } };
  }

  /** Whether it trains on one GPU of this machine, whichever that is. */
  private leavesOpen({ launch, arguments: all }: Plan): boolean {
    const need = launcherOf(launch.kind).devices(launch);
    const { variables, envFile } = launch.environment;
    // What a file of variables says is read by the process that starts the trainer alone.
    const isSet = envFile !== null || VISIBLE in variables || this.environment[VISIBLE] !== undefined;
    const device = all.find(({ name }) => name === 'device')?.value;
    return need?.count === 1 && need.named.length === 0 && !isSet && (device === 'auto' || device === 'cuda');
  }
}
