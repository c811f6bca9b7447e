/**
 * What an assistant asks with, held to the schema that package.json gives of it: VS Code hands on what a model wrote, which is
 * not always what was asked for.
 */
import { isObject, type JsonObject } from '../jsonText';
import { visibleText } from '../plainText';

/** As much of JSON Schema as the tools' inputs need. */
export type InputProperty =
  | { readonly type: 'string'; readonly enum?: readonly string[] }
  | { readonly type: 'integer'; readonly minimum?: number; readonly maximum?: number }
  | { readonly type: 'boolean' }
  | {
      readonly type: 'array';
      readonly items: InputProperty;
      readonly minItems?: number;
      readonly maxItems?: number;
    }
  | { readonly type: 'object'; readonly additionalProperties: InputProperty };

export interface InputSchema {
  readonly properties: Readonly<Record<string, InputProperty>>;
  readonly required?: readonly string[];
}

/** In one line: what is wrong with an input, and what to write instead. */
export class InputProblem extends Error {}

/**
 * The input as the schema has it; numbers and booleans where it wants a text are taken as one types them, and null as nothing.
 *
 * @throws InputProblem
 */
export function readInput(schema: InputSchema, input: unknown): JsonObject {
  const names = Object.keys(schema.properties);
  if (!isObject(input)) throw new InputProblem(`The input is ${shown(input)}: write an object of ${names.join(', ')}.`);
  const read = new Map<string, unknown>();
  for (const [name, value] of Object.entries(input)) {
    const property = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    if (property === undefined)
      throw new InputProblem(`There is no input ${shown(name)}: there are ${names.join(', ')}.`);
    if (value !== undefined && value !== null) read.set(name, valueOf(`"${name}"`, property, value));
  }
  const missing = schema.required?.find((name) => !read.has(name));
  if (missing !== undefined) throw new InputProblem(`The input "${missing}" is missing.`);
  return Object.fromEntries(read);
}

function valueOf(where: string, property: InputProperty, value: unknown): unknown {
  const refuse = (form: string): never => {
    throw new InputProblem(`${where} is ${shown(value)}: write ${form}.`);
  };
  switch (property.type) {
    case 'string': {
      const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
      if (typeof text !== 'string') return refuse('a text');
      return property.enum?.includes(text) === false ? refuse(`one of ${property.enum.join(', ')}`) : text;
    }
    case 'integer': {
      const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = property;
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum)
        return value;
      const upTo = property.maximum === undefined ? '' : ` to ${maximum}`;
      return refuse(`a whole number${property.minimum === undefined ? '' : ` from ${minimum}${upTo}`}`);
    }
    case 'boolean':
      return typeof value === 'boolean' ? value : refuse('true or false');
    case 'array': {
      const { items, minItems = 0, maxItems = Infinity } = property;
      if (!Array.isArray(value)) return refuse('a list');
      if (value.length < minItems) return refuse(`at least ${minItems}`);
      if (value.length > maxItems) return refuse(`${maxItems} at most`);
      return value.map((item: unknown, index) => valueOf(`${where}[${index}]`, items, item));
    }
    case 'object':
      if (!isObject(value)) return refuse('an object');
      return Object.fromEntries(
        Object.entries(value).map(([name, each]) => [
          name,
          valueOf(`${where}.${name}`, property.additionalProperties, each),
        ]),
      );
  }
}

function shown(value: unknown): string {
  return visibleText(value === undefined ? 'missing' : JSON.stringify(value), { longest: 100 });
}
