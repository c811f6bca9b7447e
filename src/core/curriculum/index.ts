export type { Curriculum, Stage, StageName, StoredStage } from './curriculum';
export { CurriculumError } from './errors';
export { curriculumFromEntries, curriculumFromSchedule, knownStage, parseCurriculum } from './parse';
export { describeCurriculum, describeStage, formatCurriculum, sameFrom, stageAt, stageIndexAt } from './stages';
