/** A menu that opens where something was clicked, for pages: VS Code's own know nothing of what is in them. */
import { h, icon } from './dom';

export interface MenuEntry {
  readonly label: string;
  readonly icon?: string;
  readonly enabled?: boolean;
  /** For an entry that is on or off. */
  readonly checked?: boolean;
  readonly run: () => void;
}

/** Null is a line between entries. */
export type MenuEntries = readonly (MenuEntry | null)[];

let close: (() => void) | undefined;

/** Closes the open menu, where there is one. */
export function closeMenu(): void {
  close?.();
}

/**
 * @param at the menu's upper left corner, in the window; moved where it would not fit
 * @param label for screen readers
 * @param back what gets the focus when it closes
 */
export function showMenu(at: { x: number; y: number }, label: string, entries: MenuEntries, back: HTMLElement): void {
  closeMenu();
  const items: HTMLButtonElement[] = [];
  const menu = h('div', { class: 'menu', role: 'menu', 'aria-label': label });
  for (const entry of entries) {
    if (entry === null) {
      menu.append(h('div', { class: 'line', role: 'separator' }));
      continue;
    }
    const { checked } = entry;
    const item = h(
      'button',
      {
        type: 'button',
        role: checked === undefined ? 'menuitem' : 'menuitemcheckbox',
        tabindex: -1,
        'aria-checked': checked === undefined ? null : String(checked),
        'aria-disabled': entry.enabled === false ? 'true' : null,
      },
      icon(checked === true ? 'check' : (entry.icon ?? 'blank')),
      h('span', {}, entry.label),
    );
    item.addEventListener('click', () => {
      if (entry.enabled === false) return;
      end();
      entry.run();
    });
    item.addEventListener('pointermove', () => {
      item.focus();
    });
    items.push(item);
    menu.append(item);
  }
  const outside = (event: Event): void => {
    if (event.target instanceof Node && menu.contains(event.target)) return;
    // The page moves the focus to where the pointer went.
    end(event.type !== 'pointerdown');
  };
  const end = (withFocus = true): void => {
    close = undefined;
    window.removeEventListener('pointerdown', outside, true);
    window.removeEventListener('blur', outside);
    window.removeEventListener('resize', outside);
    menu.remove();
    if (withFocus) back.focus({ preventScroll: true });
  };
  const move = (to: number): void => {
    items[(to + items.length) % items.length]?.focus();
  };
  menu.addEventListener('keydown', (event) => {
    const now = items.findIndex((item) => item === document.activeElement);
    switch (event.key) {
      case 'ArrowDown':
        move(now + 1);
        break;
      case 'ArrowUp':
        move(now === -1 ? -1 : now - 1);
        break;
      case 'Home':
        move(0);
        break;
      case 'End':
        move(-1);
        break;
      case 'Tab':
      case 'Escape':
        end();
        break;
      case 'Enter':
      case ' ':
        items[now]?.click();
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  menu.addEventListener('contextmenu', (event) => {
    event.preventDefault();
  });
  close = end;
  document.body.append(menu);
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(0, Math.min(at.x, window.innerWidth - width - 4))}px`;
  menu.style.top = `${Math.max(0, Math.min(at.y, window.innerHeight - height - 4))}px`;
  window.addEventListener('pointerdown', outside, true);
  window.addEventListener('blur', outside);
  window.addEventListener('resize', outside);
  move(0);
}
