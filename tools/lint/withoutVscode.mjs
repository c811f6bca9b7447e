/** A file that says in its first comment that it knows no VS Code, as those do that tests run without one, imports none. */

const CLAIM = /\b(no vscode here|without vs ?code)\b/i;

/** @type {import('eslint').Rule.RuleModule} */
const rule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { broken: 'The first comment of this file says that it needs no vscode.' },
  },
  create(context) {
    const [first] = context.sourceCode.getAllComments();
    if (first === undefined || !CLAIM.test(first.value.replaceAll(/\s+\*?\s*/g, ' '))) return {};
    const look = (node) => {
      if (node.source?.value === 'vscode') context.report({ node, messageId: 'broken' });
    };
    return {
      ImportDeclaration: look,
      ImportExpression: look,
      ExportNamedDeclaration: look,
      ExportAllDeclaration: look,
    };
  },
};

/** @type {import('eslint').ESLint.Plugin} */
export const withoutVscodePlugin = { rules: { 'without-vscode': rule } };

/** @type {import('eslint').Linter.Config[]} */
export const withoutVscodeRules = [
  {
    files: ['src/**/*.ts'],
    plugins: { 'npt-claims': withoutVscodePlugin },
    rules: { 'npt-claims/without-vscode': 'error' },
  },
];
