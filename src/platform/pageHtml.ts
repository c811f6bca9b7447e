/** The HTML of every webview page: one place for its Content Security Policy and nonce. */
import { randomBytes } from 'node:crypto';

export interface Page {
  readonly title: string;
  /** Where the page may load its own files from: `webview.cspSource`. */
  readonly source: string;
  readonly script: string;
  readonly styles: readonly string[];
  /** BCP 47, e.g. vscode.env.language. */
  readonly language: string;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * The document. Only the one script, by its nonce; styles and fonts from the extension's own folder; no connections, no inline
 * style attributes (scripts may set properties of `element.style`, which CSP does not forbid). The toolkit looks for the nonce in
 * a meta element, to try out a style rule.
 */
export function pageHtml(page: Page): string {
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${page.source} 'nonce-${nonce}'`,
    `font-src ${page.source}`,
    `img-src ${page.source} data:`,
  ].join('; ');
  const styles = page.styles.map((href) => `  <link rel="stylesheet" href="${escape(href)}">`).join('\n');
  return `<!DOCTYPE html>
<html lang="${escape(page.language)}">
<head>
  <meta charset="UTF-8">
  <meta http-equiv="Content-Security-Policy" content="${escape(policy)}">
  <meta property="csp-nonce" content="${nonce}">
  <meta name="viewport" content="width=device-width, initial-scale=1.0">
${styles}
  <title>${escape(page.title)}</title>
</head>
<body>
  <div id="root"></div>
  <script nonce="${nonce}" src="${escape(page.script)}"></script>
</body>
</html>
`;
}
