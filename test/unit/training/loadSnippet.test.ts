/** The Python that loads a checkpoint, as text; test/integration/suite/elsewhere.test.ts runs it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { loadSnippet } from '../../../src/core/training/loadSnippet';
import { aCheckpoint } from '../model/builders';

/** What Python makes of a text in quotes; its escapes beyond JSON's are those of characters beyond the first plane. */
function pythonRead(quoted: string): string {
  return JSON.parse(
    quoted.replace(/\\U([0-9a-f]{8})/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16))),
  ) as string;
}

describe('Python that loads a checkpoint', () => {
  it('is for an NPT checkpoint our package’s, and for Hugging Face’s transformers’ own', () => {
    const npt = loadSnippet(aCheckpoint(100, '/lab/experiments/run'), '/lab');
    assert.match(npt, /^import sys\n\nsys\.path\.insert\(0, "\/lab"\)\n/);
    assert.match(npt, /open_checkpoint\(checkpoint, print\)/);
    const files = [{ name: 'model.safetensors', bytes: 1 }];
    const other = loadSnippet(aCheckpoint(100, '/lab/experiments/hf', { files }), '/lab');
    assert.match(other, /^from transformers import AutoModelForCausalLM\n/);
    assert.doesNotMatch(other, /npt/);
  });

  it('is ASCII, one statement a line, and names the very path (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
        const snippet = loadSnippet({ path: `/lab/${name}`, files: [] }, '/lab');
        assert.match(snippet, /^[\x20-\x7e\n]*$/);
        const [, quoted = ''] = /^checkpoint = (".*")$/m.exec(snippet) ?? [];
        assert.equal(pythonRead(quoted), `/lab/${name}`);
        assert.equal(snippet.split('\n').length, 12);
      }),
    );
  });
});
