/** Building elements. Never through markup in a string: the page's CSP and untrusted names both forbid it. */

import { visibleLines, visibleText } from '../../src/core/plainText';

/** The longest text of one element, in UTF-16 units: a name in a file may have megabytes. */
const LIMIT = { longest: 4000 };

/** What a page shows of a text, whoever wrote it: nothing unseen, nothing that reorders what is beside it. */
export function asText(text: string): string {
  return visibleText(text, LIMIT);
}

type Child = Node | string | null | undefined | false;
type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Whether an attribute is shown or spoken; those may have lines. */
function isRead(name: string): boolean {
  return name === 'title' || name.startsWith('aria-');
}

function decorate(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    const text = value === true ? '' : String(value);
    element.setAttribute(name, isRead(name) ? visibleLines(text, LIMIT) : text);
  }
}

/** An HTML element. `null`, `undefined` and `false` attributes and children are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  decorate(element, attributes);
  fill(element, ...children);
  return element;
}

/** An SVG element. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  decorate(element, attributes);
  fill(element, ...children);
  return element;
}

/** Replaces what is in the element. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(
    ...children
      .filter((child) => child !== null && child !== undefined && child !== false)
      .map((child) => (typeof child === 'string' ? asText(child) : child)),
  );
}

/** Sets the text, and nothing where it is the same: screen readers announce changes. */
export function setText(element: Element, text: string): void {
  const wanted = asText(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Sets what shows while the pointer rests on the element. */
export function setTitle(element: HTMLElement, text: string): void {
  element.title = visibleLines(text, LIMIT);
}

/** An icon of the codicon font; says nothing to a screen reader. */
export function icon(name: string): HTMLElement {
  return h('i', { class: `codicon codicon-${name}`, 'aria-hidden': 'true' });
}
