/**
 * The controls of the page, and the only importer of the toolkit: it is archived, so that what replaces it is swapped in here.
 * Slider and progress bar it does not have; its badge and tag set inline styles that our CSP blocks; those are ours.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  type Button,
  type Checkbox,
  type Dropdown,
} from '@vscode/webview-ui-toolkit';
import { asText, fill, h, icon, setText, setTitle } from './dom';

/** Defines the toolkit's elements; before any control is made. */
export function startControls(): void {
  provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeCheckbox(), vsCodeDropdown(), vsCodeOption());
}

/** The toolkit declares no tag names; its classes are those that the elements are upgraded to. */
interface ToolkitElements {
  readonly 'vscode-button': Button;
  readonly 'vscode-checkbox': Checkbox;
  readonly 'vscode-dropdown': Dropdown;
}

function make<K extends keyof ToolkitElements>(tag: K): ToolkitElements[K] {
  const element: unknown = document.createElement(tag);
  return element as ToolkitElements[K];
}

export interface ButtonControl {
  readonly element: HTMLElement;
  set(change: {
    readonly label?: string;
    readonly primary?: boolean;
    readonly enabled?: boolean;
    readonly shown?: boolean;
  }): void;
}

export function button(
  label: string,
  onClick: () => void,
  options: { primary?: boolean; title?: string } = {},
): ButtonControl {
  const element = make('vscode-button');
  setText(element, label);
  element.appearance = options.primary === true ? 'primary' : 'secondary';
  if (options.title !== undefined) setTitle(element, options.title);
  // The toolkit disables what is clicked with its next frame; until then a click would do what can no longer be done.
  element.addEventListener('click', () => {
    if (!element.disabled) onClick();
  });
  return {
    element,
    set: (change) => {
      if (change.label !== undefined) setText(element, change.label);
      if (change.primary !== undefined) element.appearance = change.primary ? 'primary' : 'secondary';
      if (change.enabled !== undefined) element.disabled = !change.enabled;
      if (change.shown !== undefined) element.hidden = !change.shown;
    },
  };
}

/** A button of one icon; its label is for screen readers and the tooltip. */
export function iconButton(name: string, label: string, onClick: () => void): HTMLElement {
  const element = make('vscode-button');
  element.appearance = 'icon';
  element.setAttribute('aria-label', asText(label));
  setTitle(element, label);
  element.append(icon(name));
  element.addEventListener('click', onClick);
  return element;
}

export interface CheckboxControl {
  readonly element: HTMLElement;
  set(checked: boolean): void;
}

/** `label` is shown, or `short` where there is little room; where `visible` is false it is for screen readers only. */
export function checkbox(
  label: string,
  onChange: (checked: boolean) => void,
  visible = true,
  short = label,
): CheckboxControl {
  const element = make('vscode-checkbox');
  if (visible && short !== label) {
    fill(element, h('span', { class: 'long' }, label), h('span', { class: 'short' }, short));
    element.setAttribute('aria-label', asText(label));
    setTitle(element, label);
  } else if (visible) setText(element, label);
  else element.setAttribute('aria-label', asText(label));
  let quiet = false;
  element.addEventListener('change', () => {
    if (!quiet) onChange(element.checked);
  });
  return {
    element,
    set: (checked) => {
      quiet = true;
      element.checked = checked;
      quiet = false;
    },
  };
}

export interface DropdownControl {
  readonly element: HTMLElement;
  set(options: readonly { readonly value: string; readonly label: string }[], selected: string): void;
}

export function dropdown(label: string, onChange: (value: string) => void): DropdownControl {
  const element = make('vscode-dropdown');
  element.setAttribute('aria-label', asText(label));
  let present = '';
  element.addEventListener('change', () => {
    onChange(element.value);
  });
  return {
    element,
    set: (options, selected) => {
      const wanted = JSON.stringify(options);
      if (wanted !== present) {
        present = wanted;
        fill(
          element,
          ...options.map((option) => {
            const child = document.createElement('vscode-option');
            child.setAttribute('value', option.value);
            setText(child, option.label);
            return child;
          }),
        );
      }
      // The toolkit takes a value only once its options are there, a task later.
      queueMicrotask(() => {
        if (element.value !== selected) element.value = selected;
      });
    },
  };
}

export interface SliderControl {
  readonly element: HTMLInputElement;
  set(value: number, text: string, enabled?: boolean): void;
}

/** A native range input, drawn by our style sheet. */
export function slider(label: string, max: number, onInput: (value: number) => void): SliderControl {
  const element = h('input', { type: 'range', min: 0, max, step: 1, 'aria-label': label, class: 'slider' });
  element.addEventListener('input', () => {
    onInput(Number(element.value));
  });
  return {
    element,
    set: (value, text, enabled = true) => {
      element.disabled = !enabled;
      element.value = String(value);
      setTitle(element, text);
      element.setAttribute('aria-valuetext', asText(text));
    },
  };
}

export interface BarControl {
  readonly element: HTMLElement;
  /** `share` in [0, 1]. */
  set(share: number): void;
}

export function progressBar(label: string): BarControl {
  const inner = h('i');
  const element = h(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 },
    inner,
  );
  return {
    element,
    set: (share) => {
      const percent = Math.round(Math.max(0, Math.min(1, share)) * 1000) / 10;
      inner.style.width = `${percent}%`;
      element.setAttribute('aria-valuenow', String(percent));
    },
  };
}
