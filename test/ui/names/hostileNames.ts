/** Fifty names as somebody might give to a run, a record, a tensor or a metric whom we should not trust. */

/** How a command URI would ask for a command; VS Code's links take it percent-encoded. */
const TERMINAL = 'command:workbench.action.terminal.sendSequence?%7B%22text%22%3A%22touch%20canary%0A%22%7D';

export const HOSTILE_NAMES: readonly string[] = [
  // Links and commands.
  '[x](command:workbench.action.quit)',
  `[click](${TERMINAL})`,
  '[x](command:workbench.action.closeWindow "title")',
  '[a](https://a.example)',
  '[f](file:///etc/passwd)',
  '[[nested]](command:workbench.action.quit)',
  '<command:workbench.action.quit>',
  'https://bare.example/path',
  'www.bare.example',
  'mailto:me@bare.example',
  '//scheme.example/relative',
  '![image](https://i.example/x.png)',
  '[ref]: https://ref.example',
  // Icons and variables.
  '$(zap)',
  '$(bell~spin) run',
  '\\$(flame)',
  '$$(rocket)',
  '${command:workbench.action.quit}',
  '${env:HOME}',
  '${input:canary}',
  '${workspaceFolder}',
  '{0} of {1}',
  '%command.resume%',
  // HTML.
  '<img src=x onerror="window.nptCanary=1">',
  '<script>window.nptCanary=1</script>',
  '<a href="command:workbench.action.quit">x</a>',
  '"><svg onload=window.nptCanary=1>',
  '&lt;b&gt; &#36;(zap)',
  // Markdown.
  '**bold** _it_ `code` ~~gone~~',
  '# heading | cell | cell',
  '- item',
  '1. item',
  '> quote',
  '```js',
  '$$ math $$',
  // What is not seen, or turns text round.
  'bidi \u202egnp.exe\u202c',
  'isolate \u2067abc\u2069',
  'mark \u200f end',
  'zero\u200bwidth\ufeff',
  'tag\u{e0041}\u{e0042}',
  'esc \u001b[31mred\u001b[0m \u001b]0;title\u0007',
  'osc \u001b]8;;command:workbench.action.quit\u0007link',
  'c1 \u009b31m',
  'two\nlines\r\nand more',
  'tab\tnul-free \u0001\u007f',
  'line\u2028separator',
  // What is only unusual.
  'שלום עולם 12',
  '👩‍🚀 🏳️‍🌈 é',
  ' leading and trailing ',
  `long-${'x'.repeat(9990)}-end`,
];

/** Those that a file system takes as a folder's name. */
export const FOLDER_NAMES: readonly string[] = HOSTILE_NAMES.map((name) =>
  name.length > 200 ? `long-${'x'.repeat(240)}-end` : name.replaceAll('/', '∕'),
).filter((name, index, all) => all.indexOf(name) === index);

/** What a person reads of a shown text: without the spaces of no width that part marks, and with blanks as blanks. */
export function read(shown: string): string {
  return shown
    .replaceAll('\u200b', '')
    .replace(/[\s\u00a0]+/g, ' ')
    .trim();
}
