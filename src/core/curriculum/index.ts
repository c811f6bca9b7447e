export type { Curriculum, Stage, StageName } from './curriculum';
export { CurriculumError } from './errors';
export { STAGE_NAMES, curriculumFromEntries, curriculumFromSchedule, parseCurriculum } from './parse';
export { describeCurriculum, formatCurriculum, sameFrom, stageAt } from './stages';
