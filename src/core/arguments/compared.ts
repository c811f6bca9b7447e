/** Which of a configuration's settings say where a run is and what it is called, not how it trains: they always differ. */
export const NOT_COMPARED: ReadonlySet<string> = new Set([
  'schema',
  'output_dir',
  'wandb_name',
  'resume_from',
  'overwrite_output_dir',
  'experiments_folder',
]);
