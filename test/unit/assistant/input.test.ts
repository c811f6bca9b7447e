import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv';
import { InputProblem, readInput, type InputSchema } from '../../../src/core/assistant/input';
import { LEVELS } from '../../../src/core/checkpoint/report/report';
import { COLUMNS } from '../../../src/core/table/columns';

const root = path.resolve(__dirname, '../../..');
const read = (file: string): unknown => JSON.parse(readFileSync(path.join(root, file), 'utf8'));

interface Tool {
  readonly name: string;
  readonly toolReferenceName: string;
  readonly displayName: string;
  readonly userDescription: string;
  readonly modelDescription: string;
  readonly when: string;
  readonly inputSchema: InputSchema & { readonly type: string; readonly additionalProperties: boolean };
}
const tools = (read('package.json') as { contributes: { languageModelTools: readonly Tool[] } }).contributes
  .languageModelTools;
const schemaOf = (name: string): InputSchema => tools.find((tool) => tool.name === name)!.inputSchema;

describe('the tools of package.json', () => {
  it('have what VS Code 1.100 asks of them, and texts that can be translated', () => {
    const texts = read('package.nls.json') as Record<string, string>;
    assert.equal(tools.length, 6);
    for (const tool of tools) {
      assert.match(tool.name, /^npt_[a-z_]+$/);
      assert.match(tool.toolReferenceName, /^npt\w+$/);
      for (const text of [tool.displayName, tool.userDescription]) assert.ok(texts[text.slice(1, -1)], text);
      assert.ok(tool.modelDescription.length > 100, 'a model has nothing else to go by');
      const { inputSchema } = tool;
      assert.deepEqual([inputSchema.type, inputSchema.additionalProperties], ['object', false]);
      new Ajv({ strict: true }).compile(inputSchema);
      for (const [name, property] of Object.entries(inputSchema.properties)) {
        assert.ok('description' in property, `${tool.name}: ${name}`);
      }
    }
    const [starting] = tools.filter(({ name }) => name === 'npt_start_training');
    assert.match(starting?.when ?? '', /isWorkspaceTrusted/);
    assert.deepEqual(starting?.inputSchema, schemaOf('npt_plan_resume'), 'what is planned is what is started');
  });

  it('name the columns and levels that there are', () => {
    const { description } = schemaOf('npt_list_experiments').properties.filter as unknown as { description: string };
    for (const { id } of COLUMNS) assert.match(description, new RegExp(`\\b${id}\\b`));
    const level = schemaOf('npt_validate_checkpoint').properties.level as { enum: readonly string[] };
    assert.deepEqual(level.enum, LEVELS.slice(1));
  });
});

describe('what a model asks with', () => {
  const taken = (name: string, input: unknown): object => readInput(schemaOf(name), input);
  const refused = (name: string, input: unknown): string => {
    try {
      taken(name, input);
    } catch (error) {
      assert.ok(error instanceof InputProblem);
      assert.doesNotMatch(error.message, /\n/);
      return error.message;
    }
    assert.fail('was taken');
  };

  it('is taken as the schema has it; a number where a text belongs is one, and null is nothing', () => {
    const input = {
      run: 'demo',
      checkpoint: 200,
      kind: 'branch',
      changes: { learning_rate: 1e-5, mixed_precision: false, seed: '7' },
      additionalSteps: 5,
      name: null,
    };
    assert.deepEqual(taken('npt_plan_resume', input), {
      run: 'demo',
      checkpoint: '200',
      kind: 'branch',
      changes: { learning_rate: '0.00001', mixed_precision: 'false', seed: '7' },
      additionalSteps: 5,
    });
    assert.deepEqual(taken('npt_list_experiments', {}), {});
  });

  it('is refused in a line that says what to write', () => {
    assert.equal(refused('npt_plan_resume', {}), 'The input "run" is missing.');
    assert.match(
      refused('npt_list_experiments', 'all'),
      /^The input is "all": write an object of filter, sort, limit\.$/,
    );
    assert.match(refused('npt_list_experiments', { name: 'x' }), /^There is no input "name": there are filter, /);
    assert.match(refused('npt_list_experiments', { __proto__: null, toString: 1 }), /^There is no input "toString"/);
    assert.equal(
      refused('npt_list_experiments', { limit: 500 }),
      '"limit" is 500: write a whole number from 1 to 200.',
    );
    assert.equal(
      refused('npt_list_experiments', { limit: 1.5 }),
      '"limit" is 1.5: write a whole number from 1 to 200.',
    );
    assert.equal(refused('npt_list_experiments', { sort: 'loss' }), '"sort" is "loss": write one of newest, best.');
    assert.equal(refused('npt_compare_runs', { runs: ['a'] }), '"runs" is ["a"]: write at least 2.');
    assert.equal(refused('npt_compare_runs', { runs: [{}, 'a'] }), '"runs"[0] is {}: write a text.');
    assert.equal(refused('npt_compare_runs', { runs: 'a' }), '"runs" is "a": write a list.');
    assert.equal(
      refused('npt_plan_resume', { run: 'a', additionalSteps: 0 }),
      '"additionalSteps" is 0: write a whole number from 1.',
    );
    assert.equal(refused('npt_plan_resume', { run: 'a', changes: [] }), '"changes" is []: write an object.');
    assert.equal(refused('npt_plan_resume', { run: 'a', changes: { lr: {} } }), '"changes".lr is {}: write a text.');
    assert.equal(
      refused('npt_get_metrics', { run: 'a', ancestors: 'yes' }),
      '"ancestors" is "yes": write true or false.',
    );
  });
});
