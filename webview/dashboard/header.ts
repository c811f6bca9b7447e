/** The header: which run, how it does, and what can be done with it. */
import { FINAL } from '../../src/core/checkpoint/fileNames';
import { formatCount, formatRate, formatValue } from '../../src/core/format';
import type { RunState } from '../../src/core/experiment/model';
import { memoryWords, type GpuUse } from '../../src/core/training/gpus/gpuUse';
import type { Figures, RunFacts } from '../../src/protocol/dashboard';
import type { App, Part } from './app';
import { averageShort, averageWords } from './figureWords';
import { figureText, numberOf, percent, roughDuration, shortStep } from '../ui/figures';
import { button, iconButton, progressBar } from '../ui/controls';
import { h, setText, setTitle } from '../ui/dom';

const STATE_WORDS: Readonly<Record<RunState, string>> = {
  queued: 'Queued',
  training: 'Training',
  stopped: 'Stopped',
  interrupted: 'Interrupted',
  failed: 'Failed',
  finished: 'Finished',
};

/** One figure: a label, the value with its unit, and a line below. */
class Kpi {
  readonly element: HTMLElement;
  private readonly label = h('span', { class: 'label' });
  private readonly main = h('span');
  private readonly unit = h('small');
  private readonly below = h('span', { class: 'sub' });

  constructor(label: string, extra?: HTMLElement) {
    setText(this.label, label);
    this.element = h('div', { class: 'kpi' }, this.label, h('b', {}, this.main, this.unit), extra ?? null, this.below);
  }

  /** What the figure is; `title`: the same at length. */
  name(label: string, title: string): void {
    setText(this.label, label);
    setTitle(this.element, title);
  }

  set(value: string, unit = '', below = '', mood: 'good' | 'bad' | '' = ''): void {
    setText(this.main, value);
    setText(this.unit, unit === '' ? '' : ` ${unit}`);
    setText(this.below, below);
    this.below.className = `sub ${mood}`;
  }
}

export class Header implements Part {
  readonly element: HTMLElement;
  private app: App | undefined;
  private readonly name = h('h1');
  private readonly state = h('span', { class: 'pill', role: 'status' });
  private readonly terminal = iconButton('terminal', 'Show Terminal', () => {
    this.act('terminal');
  });
  private readonly stage = h('span', { class: 'stage-tag' });
  private readonly about = h('span', { class: 'dim about' });
  private readonly stepBar = progressBar('Training progress');
  private readonly step = new Kpi('Step', this.stepBar.element);
  private readonly loss = new Kpi('Train loss');
  private readonly evaluation = new Kpi('Eval loss · best');
  private readonly rate = new Kpi('Learning rate');
  private readonly throughput = new Kpi('Throughput');
  private readonly memoryBar = progressBar('GPU memory in use');
  private readonly memory = new Kpi('GPU memory');
  private readonly eta = new Kpi('ETA');
  private readonly stop = button(
    'Stop',
    () => {
      this.act('stop');
    },
    { title: 'Finish the step, save a checkpoint and stop' },
  );
  private readonly resume = button(
    'Resume',
    () => {
      this.act('resume');
    },
    { title: 'Go on from the newest valid checkpoint' },
  );
  private readonly extend = button(
    'Extend…',
    () => {
      this.act('extend');
    },
    { title: 'Train this run for more steps' },
  );
  private readonly validate = button(
    'Validate',
    () => {
      this.act('validate');
    },
    { title: 'Validate the newest checkpoint' },
  );
  private readonly branch = button(
    'Branch…',
    () => {
      this.act('branch');
    },
    { title: 'Start a new run from the newest checkpoint' },
  );

  constructor() {
    // At its foot: the line below the figure says something there.
    this.memory.element.append(this.memoryBar.element);
    this.element = h(
      'header',
      {},
      h(
        'div',
        { class: 'headline' },
        this.name,
        this.state,
        this.terminal,
        this.stage,
        this.about,
        h(
          'div',
          { class: 'actions' },
          this.stop.element,
          this.resume.element,
          this.extend.element,
          this.validate.element,
          this.branch.element,
        ),
      ),
      h(
        'div',
        { class: 'kpis' },
        ...[this.step, this.loss, this.evaluation, this.rate, this.throughput, this.memory, this.eta].map(
          (kpi) => kpi.element,
        ),
      ),
    );
  }

  update(app: App): void {
    this.app = app;
    this.headline(app);
    this.figures(app);
    this.actions(app);
  }

  private headline({ known: { run } }: App): void {
    setText(this.name, run.name);
    setTitle(this.name, run.path);
    setText(this.state, run.stopping === null ? STATE_WORDS[run.state] : 'Stopping');
    this.state.className = `pill ${run.stopping === null ? run.state : 'stopping'}`;
    setTitle(this.state, run.ending?.title ?? stoppingWords(run.stopping));
    this.stage.hidden = run.stage === null;
    setText(this.stage, run.stage ?? '');
    this.stage.className = `stage-tag ${run.stage ?? ''}`;
    const born =
      run.created > 0
        ? new Date(run.created * 1000).toLocaleString(undefined, {
            month: 'short',
            day: 'numeric',
            hour: '2-digit',
            minute: '2-digit',
          })
        : null;
    const lineage = run.parentName === null ? null : `from ${run.parentName} @ ${shortStep(run.origin)}`;
    setText(
      this.about,
      [run.subtitle, lineage, born === null ? null : `started ${born}`]
        .filter((part) => part !== null && part !== '')
        .join(' · '),
    );
    setTitle(this.about, this.about.textContent);
  }

  private figures({ known }: App): void {
    const { run, figures } = known;
    const step = figures.step ?? run.step;
    const of =
      run.maxSteps === null ? '' : `/ ${formatCount(run.maxSteps)} · ${percent(Math.min(1, step / run.maxSteps))}`;
    this.step.set(formatCount(step), of);
    this.stepBar.element.hidden = run.maxSteps === null;
    this.stepBar.set(run.maxSteps === null ? 0 : step / run.maxSteps);

    const trend = trendOf(figures, run.maxSteps);
    const { lossSmoothing } = figures;
    this.loss.name(
      `Train loss · ${averageShort(lossSmoothing)}`,
      `Large: loss/total, ${averageWords(lossSmoothing)}, as in the chart. Small: as it was last logged. Below: its slope over the last ${figures.slopePoints} points.`,
    );
    this.loss.set(
      figureText(figures.loss),
      lossSmoothing === 0 ? '' : `last ${figureText(figures.lastLoss)}`,
      trend.text,
      trend.mood,
    );

    const best = numberOf(figures.bestEvalLoss);
    this.evaluation.name(
      'Eval loss · last',
      'eval_loss/total, as logged by the last evaluation; the best checkpoint is the one whose evaluation was lowest, not the training loss.',
    );
    this.evaluation.set(
      figureText(figures.evalLoss),
      '',
      best === null ? '' : `best ${formatValue(best)} @ ${shortStep(figures.bestEvalStep ?? 0)}`,
    );
    const rate = numberOf(figures.learningRate);
    this.rate.set(
      rate === null ? '–' : rate === 0 ? '0' : Number(rate.toPrecision(2)).toExponential().replace('e+0', ''),
      '',
      figures.learningRatePhase ?? '',
    );

    const tokens = numberOf(figures.tokensPerSecond);
    const steps = numberOf(figures.stepsPerSecond);
    if (tokens === null && steps !== null) this.throughput.set(formatRate(steps), 'steps/s');
    else
      this.throughput.set(
        tokens === null ? '–' : formatRate(tokens),
        tokens === null ? '' : 'tok/s',
        steps === null ? '' : `${formatRate(steps)} steps/s`,
      );

    this.gpus(known.gpus, numberOf(figures.gpuMemoryBytes));

    const next = figures.nextStage;
    const nextText =
      next === null
        ? ''
        : next.seconds === null
          ? `${next.name} at ${shortStep(next.step)}`
          : `${next.name} in ${roughDuration(next.seconds)}`;
    const left = run.maxSteps === null ? '' : `${formatCount(Math.max(0, run.maxSteps - step))} steps left`;
    if (figures.etaSeconds !== null) this.eta.set(roughDuration(figures.etaSeconds), '', nextText);
    else if (run.state === 'finished') this.eta.set('done');
    else this.eta.set('–', '', run.state === 'training' ? nextText : left);
  }

  /** @param logged bytes that the trainer last logged: its own, at most, which stay when it has ended */
  private gpus(use: GpuUse | null, logged: number | null): void {
    const inUse = use?.usedBytes ?? null;
    const memory = inUse ?? logged;
    const of = inUse === null ? null : (use?.memoryBytes ?? null);
    this.memory.element.hidden = memory === null;
    this.element.querySelector('.kpis')?.classList.toggle('no-memory', memory === null);
    if (memory === null) return;
    const many = use !== null && use.names.length > 1 ? [`${use.names.length} GPUs`] : [];
    const busy = use === null || use.utilisation === null ? [] : [`${percent(use.utilisation)} busy`];
    this.memory.set(...memoryWords(memory, of), [...many, ...busy].join(' · '));
    this.memory.name(
      'GPU memory',
      [
        inUse === null
          ? 'system/gpu_memory_bytes, as it was last logged: the trainer’s own'
          : 'In use now, by all programs, as nvidia-smi says',
        ...(use?.names ?? []),
      ].join('. '),
    );
    this.memoryBar.element.hidden = of === null;
    this.memoryBar.set(of === null ? 0 : memory / of);
  }

  private actions({ known: { run, canTrain } }: App): void {
    const usable = run.checkpoints.some((checkpoint) => checkpoint.state === 'complete');
    const training = run.state === 'training' || run.state === 'queued';
    const resumable = run.state === 'stopped' || run.state === 'interrupted' || run.state === 'failed';
    this.terminal.hidden = run.state !== 'training' || !canTrain;
    this.stop.set({ shown: training, enabled: canTrain });
    this.resume.set({ shown: resumable, enabled: canTrain && usable, primary: true });
    this.extend.set({ shown: run.state === 'finished', enabled: canTrain && usable });
    this.validate.set({ enabled: run.checkpoints.length > 0 });
    this.branch.set({ enabled: canTrain && usable, primary: !resumable });
  }

  private act(command: 'stop' | 'terminal' | 'resume' | 'extend' | 'validate' | 'branch'): void {
    const app = this.app;
    if (app === undefined) return;
    const { checkpoints, path } = app.known.run;
    const numbered = checkpoints.filter((checkpoint) => checkpoint.name !== FINAL);
    const newest =
      command === 'validate'
        ? (numbered.at(-1) ?? checkpoints.at(-1))
        : [...checkpoints].reverse().find((each) => each.state === 'complete');
    const onCheckpoint = command === 'validate' || command === 'branch' || command === 'extend';
    if (!onCheckpoint) app.act(command, path);
    else if (newest !== undefined) app.act(command, newest.path);
  }
}

/** What a run that was asked to end does meanwhile; empty where nobody asked. */
function stoppingWords(stopping: RunFacts['stopping']): string {
  if (stopping === null) return '';
  const since = new Date(stopping.since * 1000).toLocaleTimeString();
  return stopping.saves
    ? `Asked to stop at ${since}: it finishes its step, saves and stops`
    : `Told at ${since} to end without saving`;
}

/** Where the loss goes: that it has left its level where it has, else its slope, per 1k steps, or per 100 in a short run. */
function trendOf(figures: Figures, maxSteps: number | null): { text: string; mood: 'good' | 'bad' | '' } {
  const [slope, loss, last] = [figures.slope, figures.loss, figures.lastLoss].map(numberOf);
  if ([loss, last].some((each) => each !== null && each !== undefined && !Number.isFinite(each)))
    return { text: 'not a finite number', mood: 'bad' };
  if (figures.diverged !== null) {
    // A slope would say that it goes down, on its way back from ten million.
    const { lowest, lowestStep } = figures.diverged;
    return { text: `▲ diverged from ${formatValue(lowest)} @ ${shortStep(lowestStep)}`, mood: 'bad' };
  }
  if (typeof slope !== 'number' || typeof loss !== 'number') return { text: '', mood: '' };
  const unit = maxSteps !== null && maxSteps < 5000 ? 100 : 1000;
  const change = slope * unit;
  const text = `${formatValue(Number(Math.abs(change).toPrecision(2)))} / ${unit === 1000 ? '1k' : unit} steps`;
  if (Math.abs(change) < 1e-4 * Math.abs(loss)) return { text: `► ${text}`, mood: '' };
  if (change < 0) return { text: `▼ ${text}`, mood: 'good' };
  // A noisy curve that has come to rest goes up every other minute: that is no bad news.
  return { text: `▲ ${text}`, mood: change > 0.05 * Math.abs(loss) ? 'bad' : '' };
}
