/** Python that loads a checkpoint as a model to use: for a notebook or a script, whatever folder it runs in. */
import type { Checkpoint } from '../experiment/model';

/** Files that a checkpoint of Hugging Face's Trainer has its model in; an NPT checkpoint has none of these. */
const OF_TRANSFORMERS = /^(model|pytorch_model).*\.(safetensors|bin)(\.index\.json)?$/;

/** @param trainer folder that holds the package `npt`: the workspace, or the trainer that ships with the extension */
export function loadSnippet(checkpoint: Pick<Checkpoint, 'path' | 'files'>, trainer: string): string {
  const place = `checkpoint = ${pythonText(checkpoint.path)}`;
  const lines = checkpoint.files.some(({ name }) => OF_TRANSFORMERS.test(name))
    ? [
        'from transformers import AutoModelForCausalLM',
        '',
        place,
        'model = AutoModelForCausalLM.from_pretrained(checkpoint)',
      ]
    : [
        'import sys',
        '',
        `sys.path.insert(0, ${pythonText(trainer)})`,
        '',
        'from npt import inference',
        '',
        place,
        'opened = inference.open_checkpoint(checkpoint, print)',
        'model = inference.become_student(inference.base_model(opened), opened)',
        'model.to(inference.prepare(opened, "auto"))',
        'print(opened.path.name, "with NPT layers", opened.layers)',
      ];
  return `${lines.join('\n')}\n`;
}

/** A text as Python writes it, in ASCII: JSON's escapes are Python's, too, but for those of characters beyond the first plane. */
function pythonText(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
