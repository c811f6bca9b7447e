/** What the file is, whether loading it is safe, whether its bytes are what was written, and what has happened to it on disk. */
import type { DiskMessage, TorchOutline } from '../../src/protocol/torchFile';
import type { Verdict } from '../../src/core/checkpoint/report/report';
import { formatBytes, formatCount } from '../../src/core/format';
import { fill, h, icon, setText } from '../ui/dom';

const VERDICTS: Readonly<Record<Verdict, readonly [icon: string, look: string, text: string]>> = {
  valid: ['pass', 'good', 'structure valid'],
  incomplete: ['question', 'warning', 'incomplete'],
  invalid: ['error', 'bad', 'damaged'],
  dangerous: ['shield', 'bad', 'dangerous: loading it in Python runs code'],
  unverifiable: ['question', 'warning', 'cannot be verified'],
};

const SEVERITIES = { error: ['error', 'bad'], warning: ['warning', 'warning'], info: ['info', 'dim'] } as const;

function chip(name: string, look: string, text: string): HTMLElement {
  return h('span', { class: `chip ${look}` }, icon(name), text);
}

/** What is known of the checksums: null before they were checked. */
export interface ChecksumState {
  readonly problems: readonly string[] | null;
  readonly running: boolean;
}

export class Header {
  readonly element: HTMLElement;
  private readonly title = h('h1');
  private readonly about = h('p', { class: 'dim' });
  private readonly chips = h('div', { class: 'chips' });
  private readonly news = h('ul', { class: 'news', 'aria-label': 'Findings' });
  private readonly disk = h('p', { class: 'disk', role: 'status' });
  private readonly check = h('button', { type: 'button', class: 'button small' }, 'Check');

  constructor(verify: () => void) {
    this.check.addEventListener('click', verify);
    this.element = h('header', {}, this.disk, this.title, this.about, this.chips, this.news);
    this.disk.hidden = true;
  }

  show(outline: TorchOutline, checksums: ChecksumState): void {
    const bytes = outline.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
    fill(this.title, outline.name);
    fill(
      this.about,
      [
        outline.format,
        formatBytes(outline.identity.bytes),
        outline.tensorCount === 0
          ? null
          : `${formatCount(outline.tensorCount)} tensor${outline.tensorCount === 1 ? '' : 's'}, ${formatBytes(bytes)}`,
        ...outline.versions.map(([name, value]) => `${name} ${value}`),
      ]
        .filter((part) => part !== null)
        .join(' · '),
    );
    const [name, look, text] = VERDICTS[outline.verdict];
    const unknown = outline.verdict !== 'dangerous' && outline.calls.length > 0;
    fill(
      this.chips,
      chip(name, look, text),
      unknown && chip('question', 'warning', 'calls functions that we do not know'),
      ...this.checksumChips(outline, checksums),
    );
    fill(
      this.news,
      ...outline.calls.map((call) =>
        h(
          'li',
          { class: call.risk === 'dangerous' ? 'bad' : 'warning' },
          icon(call.risk === 'dangerous' ? 'shield' : 'question'),
          h('span', {}, 'Python would call ', h('code', {}, call.text)),
        ),
      ),
      ...outline.findings.map((finding) => {
        const [sign, tone] = SEVERITIES[finding.severity];
        return h('li', { class: tone }, icon(sign), h('span', {}, finding.message));
      }),
      ...(checksums.problems ?? []).map((problem) => h('li', { class: 'bad' }, icon('error'), h('span', {}, problem))),
    );
    this.news.hidden = this.news.childElementCount === 0;
  }

  private checksumChips(outline: TorchOutline, { problems, running }: ChecksumState): HTMLElement[] {
    if (outline.tensorCount === 0 && outline.nodes.length === 0) return [];
    if (outline.checksums === 'none') return [chip('circle-slash', 'dim', 'no checksums in the file')];
    if (problems === null) {
      this.check.disabled = running;
      this.check.textContent = running ? 'Checking…' : 'Check';
      return [chip('circle-outline', 'dim', 'checksums not checked yet'), this.check];
    }
    return [
      problems.length === 0 ? chip('pass', 'good', 'checksums match') : chip('error', 'bad', 'checksums do not match'),
    ];
  }

  setDisk(message: DiskMessage): void {
    const text = {
      same: '',
      changing: 'The file is being written. It is read again as soon as it rests.',
      gone: 'The file is not on disk any more. This is what it held.',
      reloaded: 'The file has changed on disk and was read again.',
      failed: message.state === 'failed' ? message.message : '',
    }[message.state];
    this.disk.hidden = text === '';
    this.disk.classList.toggle('bad', message.state === 'gone' || message.state === 'failed');
    setText(this.disk, text);
  }
}
