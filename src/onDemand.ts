/**
 * What a window loads only when somebody asks for more than the tree, with `await import('…/onDemand')`: all of it at once,
 * from a file beside the extension's own (esbuild.mjs). Several such modules would make a file of each set of what they
 * share, and a window that opens would have to load a dozen of them.
 */
export { renderReport } from './core/checkpoint/report/renderReport';
export { renderReports } from './core/checkpoint/report/renderReports';
export { readGpusHere } from './core/training/gpus/nvidiaSmi';
export { askScript } from './core/training/field/askScript';
export { makePlan, makePlans } from './core/training/plan/makePlan';
export { followRuns } from './features/alerts/followRuns';
export { toolCalls } from './features/assistant/assistant';
export { BackupCommands } from './features/backup/commands';
export { branch, branchWithLowerRate } from './features/branch/branch';
export { compare } from './features/compare/compare';
export { createWorkspace } from './features/create/create';
export { dashboards } from './features/dashboard/panel';
export { showEnvironment } from './features/environment/showEnvironment';
export { lineages } from './features/lineage/panel';
export { cleanUp } from './features/manage/cleanUp';
export { deleteChosen } from './features/manage/delete';
export { deleteRuns } from './features/manage/deleteRuns';
export { showDiskUse } from './features/manage/diskUse';
export {
  copyResumeCommand,
  copySnippet,
  openConfig,
  revealInExplorer,
  revealInFileManager,
} from './features/manage/elsewhere';
export { logLinks } from './features/manage/logLinks';
export { openTrainLog } from './features/manage/openLog';
export { pin } from './features/manage/pin';
export { renameChosen } from './features/manage/rename';
export { editNotes, starRuns, tagRuns } from './features/manage/tags';
export { ProbePanel } from './features/probe/panel';
export { ProgramCommands } from './features/programs/programs';
export { enqueuePlans } from './features/queue/enqueue';
export { review } from './features/review/review';
export { debugStage, fineTune, reRun } from './features/start/fromCheckpoint';
export { runsTables } from './features/runsTable/panel';
export { startRun } from './features/start/startRun';
export { onFreeGpu } from './features/training/freeGpu';
export { holdJobs } from './features/training/hold';
export { requirementsTask } from './features/training/requirements';
export { showTorchFile } from './features/torchFile/editor';
export { askForStacks } from './features/training/stacks';
export { StopCommands } from './features/training/stop';
export { earlierEnded, endOf } from './features/training/taskEnd';
export { TreeArranger } from './features/tree/arranger';
export { showTerminal } from './features/training/terminal';
