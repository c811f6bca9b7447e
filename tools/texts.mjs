/**
 * `npm run texts`: every text of the product that a person may read, with where it stands, one a line: what package.json
 * contributes, what goes through vscode.l10n.t, the other sentences of the extension, its pages and its command line, and the
 * trainer's and the supervisor's. For reading it all aloud once, and for translators.
 * `npm run texts -- src/features` lists only what lies there.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/**
 * @typedef {object} Text
 * @property {string} file relative to the clone
 * @property {number} line from 1
 * @property {'package' | 'l10n' | 'code'} kind
 * @property {string} text with `{0}` where something is put in
 */

/** Whether a literal is something that is read: two words or one with a capital, rather than an identifier or a path. */
function isSentence(text) {
  return /\p{L}{2,}[,.:;…]? [\p{L}{(“"'‘]/u.test(text) || /^\p{Lu}\p{Ll}+[.…]?$/u.test(text);
}

/** The text of a literal, of a template with its holes numbered, or of several that are joined with +. */
function textOf(node) {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.templateSpans.reduce((text, span, hole) => `${text}{${hole}}${span.literal.text}`, node.head.text);
}

const isTranslated = (call) => ts.isCallExpression(call) && /(^|\.)l10n\.t$/.test(call.expression.getText());

/** @returns {Text[]} */
export function typescriptTexts(file, source) {
  const parsed = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node)) return;
    const text = textOf(node);
    if (text !== undefined) {
      const l10n = isTranslated(node.parent) && node.parent.arguments[0] === node;
      const line = parsed.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      if (l10n || isSentence(text)) found.push({ file, line, kind: l10n ? 'l10n' : 'code', text });
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found;
}

function filesUnder(folder, ending) {
  return readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((file) => !/(^|\/)(tests|build|\.[^/]*)\//.test(file))
    .sort();
}

function pythonTexts(files) {
  const program = path.join(root, 'tools/python_texts.py');
  const result = spawnSync('python3', [program, ...files], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0)
    throw new Error(`The trainer's texts cannot be read: ${result.stderr.trim().split('\n').at(-1)}`);
  return JSON.parse(result.stdout).filter(({ text }) => isSentence(text));
}

/** @returns {Text[]} every text of the product */
export function allTexts() {
  const nls = JSON.parse(readFileSync(path.join(root, 'package.nls.json'), 'utf8'));
  return [
    ...Object.values(nls).map((text, index) => ({ file: 'package.nls.json', line: index + 2, kind: 'package', text })),
    ...['src', 'webview']
      .flatMap((folder) => filesUnder(folder, '.ts'))
      .flatMap((file) => typescriptTexts(file, readFileSync(path.join(root, file), 'utf8'))),
    ...pythonTexts(['trainer', 'supervisor'].flatMap((folder) => filesUnder(folder, '.py'))),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [under = ''] = process.argv.slice(2);
  for (const { file, line, kind, text } of allTexts())
    if (file.startsWith(under)) process.stdout.write(`${file}:${line} [${kind}] ${JSON.stringify(text)}\n`);
}
