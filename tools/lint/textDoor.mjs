/**
 * Text from disk is text (src/core/plainText.ts): outside of the files that put every string through it, nothing may use
 * what of VS Code shows, renders or substitutes strings. Deny by default: of `vscode.window` only what is named here is
 * allowed, so that an API that VS Code adds is refused until somebody has looked at it.
 */

/** The doors: each puts every string that it is given through core/plainText. */
export const DOORS = [
  'documentLinks',
  'editors',
  'fileMarks',
  'languageModel',
  'log',
  'messages',
  'pageHtml',
  'picks',
  'progress',
  'runPanels',
  'statusBar',
  'tasks',
  'terminals',
  'toolTexts',
  'treeText',
  'webviewPage',
].map((name) => `src/platform/${name}.ts`);

/** Members of `vscode.window` that show no text, or only text of the user's or of ours. */
const WINDOW = new Set([
  'activeTextEditor',
  'createTreeView',
  'onDidChangeActiveTextEditor',
  'onDidChangeVisibleTextEditors',
  'onDidChangeWindowState',
  'registerCustomEditorProvider',
  'registerFileDecorationProvider',
  'registerUriHandler',
  'registerWebviewPanelSerializer',
  'showOpenDialog',
  'showSaveDialog',
  'showTextDocument',
  'state',
  'tabGroups',
  'visibleTextEditors',
]);

/** Namespaces whose every contribution is text that is rendered. */
const NAMESPACES = new Set(['chat', 'comments', 'languages', 'lm', 'notebooks', 'scm', 'tests']);

const CLASSES = new Set([
  'CodeLens',
  'CustomExecution',
  'Diagnostic',
  'FileDecoration',
  'Hover',
  'InlayHint',
  'MarkdownString',
  'ProcessExecution',
  'ShellExecution',
  'Task',
  'TerminalLink',
  'TreeItem',
]);

/** Commands that show a text they are given. */
const COMMANDS = new Set(['vscode.changes', 'vscode.diff', 'workbench.action.terminal.sendSequence']);

/** Properties of VS Code's objects that are shown: the doors set them. */
const PROPERTIES = new Set([
  'accessibilityInformation',
  'badge',
  'description',
  'detail',
  'html',
  'label',
  'message',
  'placeholder',
  'prompt',
  'text',
  'title',
  'tooltip',
  'validationMessage',
]);

const nameOf = (node) => (node?.type === 'Identifier' ? node.name : undefined);
/** The name of a member that is written out, `a.b`. */
const memberOf = (node) =>
  node?.type === 'MemberExpression' && !node.computed && node.property.type === 'Identifier'
    ? node.property.name
    : undefined;

const rule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      door: '{{what}} shows or substitutes text: use its wrapper in src/platform/ (tools/lint/textDoor.mjs lists them).',
      whole: 'Write vscode.… out at every use, so that this rule can see what is used.',
      template: 'vscode.l10n.t takes its text as a literal: what is not ours goes in as an argument.',
    },
  },
  create(context) {
    const namespaces = new Set();
    const door = (node, what) => context.report({ node, messageId: 'door', data: { what } });

    /** One use of the vscode namespace as a value. */
    function use(identifier) {
      const member = identifier.parent;
      if (member.type === 'TSQualifiedName' || member.type === 'TSTypeQuery') return;
      const name = member.object === identifier ? memberOf(member) : undefined;
      if (name === undefined) {
        context.report({ node: identifier, messageId: 'whole' });
        return;
      }
      if (NAMESPACES.has(name) || CLASSES.has(name)) door(member, `vscode.${name}`);
      const outer = member.parent;
      const inner = outer.object === member ? memberOf(outer) : undefined;
      if (name === 'window' && !WINDOW.has(inner)) {
        if (inner === undefined) context.report({ node: member, messageId: 'whole' });
        else door(outer, `vscode.window.${inner}`);
      }
      if (name === 'l10n' && inner === 't') {
        const call = outer.parent;
        const [text] = call.type === 'CallExpression' && call.callee === outer ? call.arguments : [];
        if (text?.type !== 'Literal') context.report({ node: outer, messageId: 'template' });
      }
      if (name === 'commands' && inner === 'executeCommand') {
        const [command] = outer.parent.type === 'CallExpression' ? outer.parent.arguments : [];
        if (command?.type === 'Literal' && COMMANDS.has(command.value)) door(outer, String(command.value));
      }
    }

    return {
      ImportDeclaration(node) {
        if (node.source.value !== 'vscode') return;
        for (const specifier of node.specifiers) {
          if (specifier.type === 'ImportNamespaceSpecifier') namespaces.add(specifier);
          else if (node.importKind !== 'type' && specifier.importKind !== 'type')
            context.report({ node: specifier, messageId: 'whole' });
        }
      },
      'Program:exit'(program) {
        const scopes = [context.sourceCode.getScope(program), ...context.sourceCode.getScope(program).childScopes];
        for (const variable of scopes.flatMap((scope) => scope.variables)) {
          if (!variable.defs.some((definition) => namespaces.has(definition.node))) continue;
          for (const { identifier } of variable.references) use(identifier);
        }
      },
      AssignmentExpression(node) {
        const name = memberOf(node.left);
        if (PROPERTIES.has(name) && node.left.object.type !== 'ThisExpression') door(node.left, `.${name} =`);
      },
      CallExpression(node) {
        // What gives away a namespace or its member by another way than writing it out.
        if (nameOf(node.callee) === 'require' && node.arguments[0]?.value === 'vscode')
          context.report({ node, messageId: 'whole' });
      },
    };
  },
};

/** @type {import('eslint').ESLint.Plugin} */
export const textDoorPlugin = { rules: { 'text-door': rule } };

/** @type {import('eslint').Linter.Config[]} */
export const textDoorRules = [
  {
    files: ['src/**/*.ts'],
    ignores: DOORS,
    plugins: { npt: textDoorPlugin },
    rules: { 'npt/text-door': 'error' },
  },
];
