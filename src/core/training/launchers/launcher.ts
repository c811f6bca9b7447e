/** What a way of starting the trainer is to everybody outside of its own folder. */
import type { ProcessState, RunProcess } from '../../experiment/model';
import type { Gpu } from '../gpus/gpu';

/** The trainer's command in its parts. */
export interface TrainerCommand {
  readonly interpreter: string;
  /** Relative to the folder that training starts in, or absolute. */
  readonly script: string;
  readonly args: readonly string[];
}

/** What is to be started. */
export interface Start {
  /** Absolute path of the run's folder. */
  readonly run: string;
  /** Absolute path of the folder that training starts in. */
  readonly cwd: string;
  readonly first: TrainerCommand;
  /** What a later start of the same job runs: it goes on from the run's own newest checkpoint. */
  readonly again: TrainerCommand;
  /** The step that `first` starts from; -1 for a new run. */
  readonly fromStep: number;
  readonly launch: Launch;
}

export type OptionValue = string | number | boolean | readonly string[];

/** How a plan is started: plain data, which the plan carries. */
export interface Launch<Kind extends string = string> {
  readonly kind: Kind;
  /** Values of the launcher's own options, by name. */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly environment: LaunchEnvironment;
  /** How often a run goes on by itself, at most, after a failure that is not its own doing; 0: never. */
  readonly restarts: number;
}

/** What the trainer finds around it. Plain data: nothing in it is a secret. */
export interface LaunchEnvironment {
  /** Set for the trainer, and shown. */
  readonly variables: Readonly<Record<string, string>>;
  /** Absolute path of a file of NAME=VALUE lines. Only the process that starts the trainer reads what is in it. */
  readonly envFile: string | null;
  /** Environment modules to load, in this order. */
  readonly modules: readonly string[];
  /** Absolute path of a conda environment to activate. */
  readonly conda: string | null;
}

/** An option of a launcher: the setting `npt.<kind>.<name>`, and a value in `Launch.options`. */
export interface LaunchOption {
  readonly name: string;
  readonly description: string;
  readonly default: OptionValue;
  /**
   * A value as the setting or the command line gives it.
   *
   * @returns undefined where it is none
   */
  readonly read: (given: unknown) => OptionValue | undefined;
  /** What `read` takes, to put behind "write". */
  readonly form: string;
}

/** A plan, as far as starting it goes. */
export interface StartedPlan {
  readonly run: string;
  readonly cwd: string;
  readonly interpreter: string;
  readonly argv: readonly string[];
  /** What a later start of the same run runs: it goes on from the run's own newest checkpoint. */
  readonly again: readonly string[];
  readonly launch: Launch;
}

/** What a launch takes of this machine while it trains. */
export interface DeviceNeed {
  /** GPUs that it names; none: any. */
  readonly named: readonly string[];
  /** How many GPUs it takes, where this machine has any. */
  readonly count: number | 'all';
}

/** One way of starting on what there is, to choose from. */
export interface LaunchChoice {
  /** Values of the launcher's options; the others stay as they are set. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** What it trains on: GPUs of this machine, none of them for the CPU; null where somebody else hands them out. */
  readonly gpus: readonly Gpu[] | null;
}

/** `save`: finish the step, save, stop. `now`: end without a save. */
export type StopHow = 'save' | 'now';

export interface Launcher<Kind extends string = string> {
  /** As the setting npt.launcher, the CLI and process.json name it. */
  readonly kind: Kind;
  readonly options: readonly LaunchOption[];
  /** Why nothing can be started with it here, as a clause; null where it can. */
  obstacle(launch: Launch): Promise<string | null>;
  /** The command that trains, program first: what a plan shows and what is copied. */
  argv(start: Start): string[];
  /** True where the trainer gets its environment by `argv` itself, and whoever runs that needs none of it. */
  readonly bringsEnvironment?: boolean;
  /** Variables that its options set for the trainer. */
  variables(launch: Launch): Readonly<Record<string, string>>;
  /** What it takes of this machine, for the queue; null where somebody else hands that out. */
  devices(launch: Launch): DeviceNeed | null;
  /** The ways of starting with it on a machine with these GPUs. */
  choices(gpus: readonly Gpu[]): readonly LaunchChoice[];
  /**
   * The command that a terminal runs to start a plan and to follow it, program first. From the third word on they are
   * npt_supervise.py's, which `--escaped` reaches.
   *
   * @param supervisor path of npt_supervise.py
   */
  command(plan: StartedPlan, supervisor: string): string[];
  /**
   * What follows a run that this launcher started, behind an interpreter: the lines of its log as they come, from now on.
   *
   * @param supervisor path of npt_supervise.py
   */
  follow(run: string, supervisor: string): string[];
  /** Whether a run's process, which this launcher started, still runs, as far as can be told from here. */
  ask(process: RunProcess): Promise<ProcessState>;
  /** @throws StopError when it could not be asked to */
  stop(process: RunProcess, how: StopHow): Promise<void>;
  /** Has the process write the Python stacks of its threads into train.log; missing where it cannot. @throws StopError */
  stacks?(process: RunProcess): Promise<void>;
  /** A command that ends the process from wherever it is typed; null where there is none. */
  stopCommand(process: RunProcess): string | null;
  /** Keeps what waits from starting, and lets it; missing where nothing waits. @throws StopError */
  hold?(process: RunProcess): Promise<void>;
  release?(process: RunProcess): Promise<void>;
  /**
   * The command that a terminal runs to start several plans as one thing, as `command`; missing where there is no such thing.
   *
   * @param name what they are called together
   */
  together?(plans: readonly [StartedPlan, ...StartedPlan[]], name: string, supervisor: string): string[];
}
