/** Values that the trainer would refuse, or that hardly anybody means. */
import { findArgument } from '../../../arguments/arguments';
import { isNothing, readLayers } from '../../../arguments/argumentValues';
import { valueText } from '../../../format';
import type { ArgumentSource } from '../plan';
import { type Judge, change, numeric, value } from './say';

export const judgeMissing: Judge = (draft, { refuse }) => {
  if (value(draft, 'dataset_preset') === 'custom' && isNothing(value(draft, 'train_file'))) {
    refuse('invalid-value', 'dataset_preset custom needs a train_file.', { argument: 'train_file' });
  }
  if (isNothing(value(draft, 'train_layers'))) {
    refuse('missing-value', 'Say which layers are to become NPT layers: train_layers has no default.', {
      argument: 'train_layers',
      proposal: 'upper_half',
    });
  }
  const layers = readLayers(value(draft, 'train_layers'));
  const weights = value(draft, 'layer_weights');
  if (layers !== null && typeof weights === 'string' && weights !== 'uniform' && weights !== 'linear') {
    const count = weights.split(',').length;
    if (count !== layers.length) {
      refuse('invalid-value', `layer_weights has ${count} numbers for ${layers.length} layers.`, {
        argument: 'layer_weights',
        proposal: 'uniform',
      });
    }
  }
};

/** Where a value was found, in a message. */
const PLACES: Partial<Record<ArgumentSource, string>> = {
  run: `The run's config.json`,
  preset: 'The preset',
  'command line': 'The original command',
};

/** Stored values that the trainer would refuse: another value has to be given. */
export const judgeStored: Judge = (draft, { refuse }) => {
  const { source } = draft;
  for (const [name, stored] of source.arguments) {
    if (stored.refused === undefined || change(draft, name) !== null) continue;
    const known = findArgument(name)?.default;
    const where = PLACES[stored.source] ?? `The config.json of ${source.name}`;
    refuse('stored-value', `${where} has ${name}: ${stored.refused} Give a value for ${name}.`, {
      argument: name,
      ...(known === null || known === undefined ? {} : { proposal: valueText(known) }),
    });
  }
};

export const judgeOdd: Judge = (draft, { warn }) => {
  const length = numeric(draft, 'max_length');
  const stride = numeric(draft, 'stride');
  if (length === null || stride === null || stride <= length) return;
  warn(
    'stride-above-length',
    `stride ${stride} is above max_length ${length}: the text between samples is left out. With stride ${length} all of it is used.`,
    { argument: 'stride', proposal: String(length) },
  );
};
