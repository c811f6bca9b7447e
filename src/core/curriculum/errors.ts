/** A curriculum that cannot be used: the message names the offending part and where it is (contract section 4). */
export class CurriculumError extends Error {
  /**
   * @param message one sentence that already says which part is wrong and where
   * @param position 0-based character offset of the offending part in the text; null where there is no text
   * @param stageIndex 0-based index of the stage the part belongs to
   */
  constructor(
    message: string,
    readonly position: number | null,
    readonly stageIndex: number,
  ) {
    super(message);
    this.name = 'CurriculumError';
  }
}
