/** What a way of starting the trainer is to everybody outside of its own folder. */

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
}

export interface Launcher<Kind extends string = string> {
  /** As the setting npt.launcher, the CLI and process.json name it. */
  readonly kind: Kind;
  /** Why the extension cannot start training with it as yet, as a clause; null where it can. */
  readonly unsupported: string | null;
  /** The command that starts it, program first. */
  argv(start: Start): string[];
}
