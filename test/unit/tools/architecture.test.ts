/** docs/architecture.md: what its walks and its "how to add" sections name is there. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const ROOT = path.resolve(__dirname, '../../..');
const DOCUMENT = readFileSync(path.join(ROOT, 'docs/architecture.md'), 'utf8');

/** Where a path in the text may begin. */
const BASES = ['', 'src'];

/** Every file and folder that the document may name, relative to the top. */
const THERE = [
  ...readdirSync(ROOT),
  ...['src', 'webview', 'supervisor', 'trainer', 'schemas', 'docs', 'test', 'tools'].flatMap((top) =>
    readdirSync(path.join(ROOT, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => !/(^|\/)(node_modules|\.?venv|__pycache__|\.\w+_cache)(\/|$)/.test(name))
      .map((name) => `${top}/${name}`),
  ),
];
const CODE = THERE.filter((file) => /\.(ts|py)$/.test(file));
const WALKS = ['A step number, from metrics.jsonl to a pixel', 'A checkpoint, from right-click to argv'];

interface Section {
  readonly title: string;
  readonly words: readonly string[];
}

/** The text in backticks of every section, and of the paragraphs that are called "How to add …". */
function sections(): Section[] {
  return DOCUMENT.split(/^(?=## |\*\*How to add )/m).map((text) => ({
    title: /^(?:## |\*\*)(.+?)\.?(?:\*\*|$)/m.exec(text)?.[1] ?? '',
    words: Array.from(text.matchAll(/`([^`]+)`/g), ([, word]) => (word ?? '').replaceAll(/\s+/g, ' ')),
  }));
}

const isPath = (word: string): boolean =>
  /^[\w.<>/-]+(\.(ts|py|json|css|md|mjs)|\/)$/.test(word) || /\/[\w<>]+$/.test(word);

/** What a path leads to: from the top, from src/, or from around a file that was named before it, the last one first. */
function resolve(word: string, before: readonly string[]): string[] {
  for (const base of [...before.toReversed().flatMap(foldersAround), ...BASES]) {
    const pattern = path.join(base, word).replace(/\/$/, '').replaceAll(/[.()]/g, '\\$&').replaceAll(/<\w+>/g, '[^/]+');
    const found = THERE.filter((file) => new RegExp(`^${pattern}$`).test(file));
    if (found.length > 0) return found;
  }
  return [];
}

/** The folder of a file, and those around it, from the inside out; not the top. */
function foldersAround(file: string): string[] {
  const around: string[] = [];
  for (let at = path.dirname(file); at !== '.'; at = path.dirname(at)) around.push(at);
  return around;
}

/** Names of what a TypeScript or Python file defines: functions, classes, types and constants; members also as `Class.member`. */
function definitions(file: string): Set<string> {
  const names = new Set<string>();
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  if (file.endsWith('.py')) {
    for (const [, name] of text.matchAll(/^\s*(?:def|class) (\w+)/gm)) names.add(name ?? '');
    return names;
  }
  const visit = (node: ts.Node, owner: string): void => {
    const { name } = node as { name?: ts.Node };
    const isDefinition =
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) ||
      ts.isVariableDeclaration(node) ||
      ts.isClassElement(node) ||
      ts.isTypeElement(node) ||
      ts.isObjectLiteralElement(node);
    let inside = owner;
    if (isDefinition && name !== undefined && ts.isIdentifier(name)) {
      names.add(name.text);
      if (owner !== '') names.add(`${owner}.${name.text}`);
      if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) inside = name.text;
    }
    ts.forEachChild(node, (child) => {
      visit(child, inside);
    });
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest), '');
  return names;
}

/** The files behind a path: itself, or the code in a folder. */
function filesBehind(found: readonly string[]): string[] {
  return CODE.filter((file) => found.some((each) => file === each || file.startsWith(`${each}/`)));
}

describe('docs/architecture.md', () => {
  const all = sections();

  for (const title of WALKS) {
    it(`walks “${title}” over files and functions that there are`, () => {
      const { words } = all.find((section) => section.title === title) ?? assert.fail('the section is gone');
      const places = words.map((): string[] => []);
      const before: string[] = [];
      for (const [index, word] of words.entries()) {
        if (!isPath(word)) continue;
        const found = resolve(word, before);
        assert.ok(found.length > 0, `${word} is no file`);
        places[index] = found;
        before.push(...found.slice(0, 1));
      }
      const hops = words.flatMap((word, index) =>
        places[index]?.length === 0 && /^\w+(\.\w+)?$/.test(word) ? [index] : [],
      );
      assert.ok(hops.length >= 8, 'a walk has hops');
      for (const index of hops) {
        // `file` `function`, or `Class` (`file`).
        const last = places.slice(0, index).findLast((found) => found.length > 0) ?? [];
        const next = places.slice(index).find((found) => found.length > 0) ?? [];
        const near = [last, next].some((found) =>
          filesBehind(found).some((file) => definitions(file).has(words[index] ?? '')),
        );
        assert.ok(near, `${words[index]} is in neither ${last.join(', ')} nor ${next.join(', ')}`);
      }
    });
  }

  const defined = new Set(
    CODE.filter((file) => !/^(test|tools)\//.test(file)).flatMap((file) => [...definitions(file)]),
  );
  const howTo = all.filter(({ title }) => title.startsWith('How to add '));

  it('says how to add what there will be more of', () => {
    assert.deepEqual(
      howTo.map(({ title }) => title.replace('How to add ', '')),
      [
        'an argument of the trainer',
        'a launcher',
        'a command on checkpoints',
        'a program on checkpoints',
        'a tool for assistants',
        'a finding',
        'a metrics source',
        'a dashboard panel',
        'a checkpoint layout',
      ],
    );
  });

  for (const { title, words } of howTo) {
    it(`names under “${title}” only files and names that there are`, () => {
      const before: string[] = [];
      for (const word of words) {
        if (isPath(word)) {
          const found = resolve(word, before);
          assert.ok(found.length > 0, `${word} is no file`);
          before.push(...found.slice(0, 1));
        } else if (/^\w+(\.\w+)?(\(\w*\))?$/.test(word)) {
          assert.ok(defined.has(word.replace(/\(.*/, '')), `${word} is defined nowhere`);
        }
      }
    });
  }

  it('draws a tree of folders that there are', () => {
    const tree = DOCUMENT.split('```')[1] ?? '';
    const named = Array.from(tree.matchAll(/^ {0,2}([\w./-]+(?:\/|\.ts))/gm), ([, name]) => name ?? '');
    assert.ok(named.length > 15);
    for (const name of named) {
      const found = [...BASES, 'src/core', 'src/features'].some((base) =>
        THERE.includes(path.join(base, name).replace(/\/$/, '')),
      );
      assert.ok(found, `${name} is not there`);
    }
  });
});
