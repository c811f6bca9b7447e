/** The theme's colours for what is drawn on a canvas; the style sheet names them, so that both draw with the same. */

export interface Theme {
  readonly font: string;
  readonly foreground: string;
  readonly dim: string;
  readonly grid: string;
  readonly background: string;
  readonly error: string;
  readonly good: string;
  readonly gold: string;
  readonly focus: string;
  /** By stage name. */
  readonly stages: Readonly<Record<string, string>>;
  readonly tint: number;
  /** Of the area between a curve's lowest and highest points. */
  readonly spreadAlpha: number;
  /** The focused run's first; dash patterns tell the others apart without colour. */
  readonly runs: readonly { readonly color: string; readonly dash: readonly number[] }[];
  readonly nan: string;
}

const DASHES: readonly (readonly number[])[] = [
  [],
  [5, 3],
  [2, 3],
  [8, 4],
  [10, 3, 2, 3],
  [1, 4],
  [6, 2, 2, 2],
  [12, 4],
];

const solver = document.createElement('canvas').getContext('2d');

/** A colour as a canvas and an SVG outside this page understand it; `other` where it is none. */
function plain(color: string, other: string): string {
  if (solver === null || color === '') return other;
  solver.fillStyle = other;
  solver.fillStyle = color;
  return solver.fillStyle;
}

export function readTheme(): Theme {
  const style = getComputedStyle(document.body);
  const color = (name: string): string => plain(style.getPropertyValue(`--npt-${name}`).trim(), style.color);
  const contrast = document.body.classList.contains('vscode-high-contrast');
  return {
    font: style.fontFamily,
    foreground: color('foreground'),
    dim: color('dim'),
    grid: color('grid'),
    background: color('background'),
    error: color('red'),
    good: color('green'),
    gold: color('gold'),
    focus: color('focus'),
    stages: { teacher: color('teacher'), mixed: color('mixed'), student: color('student') },
    tint: contrast ? 0.16 : 0.09,
    spreadAlpha: contrast ? 0.35 : 0.25,
    runs: ['run0', 'run1', 'run2', 'run3', 'run4', 'run5', 'run6', 'run7'].map((name, index) => ({
      color: color(name),
      dash: DASHES[index] ?? [],
    })),
    nan: color('nan'),
  };
}

/** Calls back when the user changes the theme: VS Code rewrites the body's class and the root's style. */
export function onThemeChange(changed: () => void): void {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
  // Also where the system's forced colours or its contrast change.
  window.matchMedia('(forced-colors: active)').addEventListener('change', changed);
}
