/** What another trainer's script cannot be given. */
import path from 'node:path';
import { type Judge } from './say';

export const judgeFieldScript: Judge = (draft, { warn, refuse }) => {
  const { script, cwd, interpreter, scriptUnknown, help, field, source, newRun } = draft;
  if (scriptUnknown !== null) {
    refuse(
      'script-options-unknown',
      `${script} could not be asked for its options: ${scriptUnknown.replace(/\.$/, '')}. Run ${interpreter} ${path.resolve(cwd, script)} --help to see why.`,
      { remedies: [{ kind: 'choose-interpreter', label: 'Choose another interpreter' }] },
    );
  }
  if (help === null || field === null) return;
  if (source.path !== null && field.resume === undefined) {
    refuse('script-cannot-resume', `${script} has no option --resume_from: it cannot go on from a checkpoint.`);
  }
  if (newRun && field.output === undefined) {
    warn('script-chooses-folder', `${script} has no option --output_dir: it chooses the new run's folder itself.`);
  }
  const typed = field.lacking.filter(({ source: from }) => from === 'changed' || from === 'answered');
  for (const { name } of typed) {
    refuse('script-lacks', `${script} has no option for ${name}: it cannot be given a value.`);
  }
  const found = field.lacking.filter((argument) => !typed.includes(argument)).map(({ name }) => name);
  if (found.length > 0) {
    warn('script-lacks', `${script} has no option for ${found.join(', ')}, which is left out: it takes its own.`);
  }
  for (const { argument, why } of field.refused) {
    const { name, source: from } = argument;
    const settling = { argument: name };
    if (from === 'changed' || from === 'answered') refuse('invalid-value', `${name}: ${script} ${why}.`, settling);
    else warn('script-refuses', `The ${name} that was found is left out, because ${script} ${why}.`, settling);
  }
  for (const name of field.missing) {
    refuse('missing-value', `${script} needs a value for ${name}, which nothing on disk tells.`, { argument: name });
  }
  if (help.words.length > 0) {
    refuse(
      'script-needs-words',
      `${script} needs ${help.words.join(' and ')} on its command line, which a plan does not have.`,
    );
  }
};
