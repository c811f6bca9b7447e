/** Whether what changes fits the checkpoint: only the shapes and the base model that it was trained with do. */
import { findArgument } from '../../../arguments/arguments';
import { valueText } from '../../../format';
import { type Judge, change, value } from './say';

export const judgeFit: Judge = (draft, { warn, refuse }) => {
  const { name: checkpoint } = draft.source;
  for (const item of draft.arguments) {
    if (item.source !== 'changed') continue;
    const { effect } = findArgument(item.name)?.onResume ?? {};
    const [before, after] = [valueText(item.previous), valueText(item.value)];
    if (effect === 'shapes') {
      refuse(
        'shape-mismatch',
        `${checkpoint} was trained with ${item.name} ${before}: its tensors cannot fit ${item.name} ${after}.`,
        { argument: item.name, proposal: before },
      );
    } else if (item.name === 'model_name' && draft.modelIsFolder) {
      warn(
        'other-base-model',
        `${checkpoint} belongs to model_name ${before}: ${after} has to be the same model, or the trainer refuses to start.`,
      );
    } else if (item.name === 'model_size' && change(draft, 'model_name') !== null) {
      warn('no-effect', `model_size has no effect beside model_name.`);
    } else if (effect === 'base model') {
      refuse('other-base-model', `${checkpoint} belongs to ${item.name} ${before}: it cannot go on with ${after}.`, {
        argument: item.name,
        proposal: before,
      });
    }
  }
  const seed = change(draft, 'seed');
  if (seed !== null && valueText(value(draft, 'model_name')).startsWith('random-')) {
    const before = valueText(seed.previous);
    refuse('other-base-model', `The base model of ${checkpoint} was made from seed ${before}: keep it.`, {
      argument: 'seed',
      proposal: before,
    });
  }
};
