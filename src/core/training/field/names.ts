/** What other NPT trainers call our arguments (contract section 7), in their config.json and on their command line. */

/** Their name → ours. */
const OURS = new Map([
  ['gradient_clip_value', 'gradient_clip'],
  ['grad_clip', 'gradient_clip'],
  ['max_grad_norm', 'gradient_clip'],
  ['lr', 'learning_rate'],
  ['resume_from_checkpoint', 'resume_from'],
  ['resume', 'resume_from'],
]);

/** Our name for what another trainer names so; the same where it has no other. */
export function ourName(theirs: string): string {
  return OURS.get(theirs) ?? theirs;
}

/** Every name that our argument may have there, ours first. */
export function theirNames(ours: string): string[] {
  return [ours, ...[...OURS].filter(([, name]) => name === ours).map(([theirs]) => theirs)];
}
