/**
 * Who may import what: docs/architecture.md, "Rules". One list, because of two entries of a flat ESLint configuration that
 * name the same rule the later one replaces the earlier.
 */

/** The rooms of src/core; each may use those before it. */
export const ROOMS = [
  'torchfile',
  'curriculum',
  'arguments',
  'metrics',
  'checkpoint',
  'experiment',
  'table',
  'lanes',
  'training',
  'assistant',
];

const NO_VSCODE = { name: 'vscode', message: 'core, protocol, cli and the pages run without VS Code.' };
const TOOLKIT = {
  name: '@vscode/webview-ui-toolkit',
  message: 'The toolkit is archived: webview/ui/controls.ts alone imports it, so that one file swaps it.',
};
const OUTSIDE_CORE = {
  regex: '(^|/)(features|platform|cli|protocol|webview)/',
  message: 'core uses nothing outside of core.',
};

/** A folder a page; what several need is in webview/ui or webview/charts. */
const PAGES = ['dashboard', 'lineage', 'probe', 'runsTable', 'torchfile'];

const notOf = (pages) => [
  {
    regex: `^(\\.\\./)+(${pages.join('|')})/`,
    message: 'A page uses nothing of another one: what several need is in webview/ui or webview/charts.',
  },
];

const restrict = (paths, patterns = []) => ({ 'no-restricted-imports': ['error', { paths, patterns }] });

function roomRules(room, index) {
  const later = ROOMS.slice(index + 1);
  const patterns = [OUTSIDE_CORE];
  if (later.length > 0) {
    patterns.push({
      // Relative ways out of the room: within it, folders may have any name.
      regex: `^(\\.\\./)+(core/)?(${later.join('|')})(/|$)`,
      message: `core/${room} stands before core/${later.join(', core/')}: see the order of the rooms in docs/architecture.md.`,
    });
  }
  return { files: [`src/core/${room}/**/*.ts`], rules: restrict([NO_VSCODE], patterns) };
}

/** @type {import('eslint').Linter.Config[]} */
export const importRules = [
  { files: ['src/protocol/**/*.ts', 'src/cli.ts', 'src/cli/**/*.ts'], rules: restrict([NO_VSCODE]) },
  {
    files: ['src/core/*.ts'],
    rules: restrict(
      [NO_VSCODE],
      [
        OUTSIDE_CORE,
        {
          regex: `^\\./(${ROOMS.join('|')})(/|$)`,
          message: 'What lies at the root of core serves every room and uses none.',
        },
      ],
    ),
  },
  ...ROOMS.map(roomRules),
  { files: ['webview/*.ts'], rules: restrict([NO_VSCODE, TOOLKIT]) },
  ...['ui', 'charts', ...PAGES].map((folder) => ({
    files: [`webview/${folder}/**/*.ts`],
    ignores: ['webview/ui/controls.ts'],
    rules: restrict([NO_VSCODE, TOOLKIT], notOf(PAGES.filter((page) => page !== folder))),
  })),
  { files: ['webview/ui/controls.ts'], rules: restrict([NO_VSCODE]) },
];
