/** A run as a row of the table, for whoever has the model; the page knows the rows alone (row.ts). */
import { NOT_COMPARED } from '../arguments/compared';
import { allCheckpoints } from '../experiment/checkpoints';
import type { Lineage } from '../experiment/lineage';
import type { Checkpoint, Run } from '../experiment/model';
import { valueText } from '../format';
import { type Cell, cellOf, listCell, NONE } from './cell';
import { type ArgumentColumn, COLUMNS, type ColumnId } from './columns';
import type { RunRow } from './row';

/** The columns of arguments, as configurations name them: one that is new gets the next place. */
export class ArgumentNames {
  private readonly places = new Map<string, number>();

  get all(): readonly string[] {
    return [...this.places.keys()];
  }

  /** What a configuration holds, each at its argument's place. */
  cells(config: Run['config']): Cell[] {
    const cells: Cell[] = [];
    for (const [name, value] of Object.entries(config ?? {})) {
      if (NOT_COMPARED.has(name)) continue;
      const place = this.places.get(name) ?? this.places.size;
      this.places.set(name, place);
      cells[place] = argumentCell(value);
    }
    for (let place = 0; place < cells.length; place += 1) cells[place] ??= null;
    return cells;
  }
}

function argumentCell(value: unknown): Cell {
  return typeof value === 'number' ? cellOf(value) : valueText(value) || NONE;
}

/** @param about what an argument does, one line; undefined where that is not known */
export function argumentColumns(
  names: ArgumentNames,
  about: (name: string) => string | undefined,
): readonly ArgumentColumn[] {
  return names.all.map((name) => ({ name, about: about(name) ?? '' }));
}

/** When the run ended, Unix seconds; for one that trains, now. Null where nothing tells. */
function endOf(run: Run, now: number): number | null {
  if (run.state === 'training') return now;
  const newest = Math.max(0, ...allCheckpoints(run).map(({ time }) => time));
  return run.exit?.time ?? (newest > 0 ? newest : null);
}

function durationOf(run: Run, now: number): number | null {
  const end = endOf(run, now);
  return end === null || run.created <= 0 || end < run.created ? null : end - run.created;
}

/** The checkpoint with the lowest evaluation. */
function bestOf(checkpoints: readonly Checkpoint[]): Checkpoint | null {
  return checkpoints.reduce<Checkpoint | null>((best, each) => {
    const loss = each.evalLoss;
    if (loss === null || !Number.isFinite(loss)) return best;
    return best === null || loss < (best.evalLoss ?? Infinity) ? each : best;
  }, null);
}

/** The complete checkpoint of the highest step: `final` may have been overtaken. */
export function newestCheckpoint(run: Run): Checkpoint | null {
  return allCheckpoints(run).reduce<Checkpoint | null>(
    (newest, each) => (each.state === 'complete' && each.step > (newest?.step ?? -1) ? each : newest),
    null,
  );
}

function cellsOf(run: Run, now: number): Readonly<Record<ColumnId, Cell>> {
  const checkpoints = allCheckpoints(run);
  const best = bestOf(checkpoints);
  const done = run.maxSteps === null || run.maxSteps <= 0 ? null : Math.min(1, run.step / run.maxSteps);
  return {
    run: run.name,
    state: run.state,
    stage: run.stage,
    step: run.step,
    done,
    loss: cellOf(run.loss),
    eval: cellOf(checkpoints.findLast(({ evalLoss }) => evalLoss !== null)?.evalLoss),
    best: cellOf(best?.evalLoss),
    best_step: best?.step ?? null,
    started: run.created > 0 ? run.created : null,
    duration: durationOf(run, now),
    parent: run.parent?.run ?? null,
    origin: run.parent?.step ?? null,
    checkpoint_count: checkpoints.length,
    size: checkpoints.reduce((sum, { bytes }) => sum + bytes, 0),
    tags: listCell(run.notes?.tags ?? []),
    notes: run.notes?.summary || null,
    error: run.exit?.error ?? run.queue?.failure ?? null,
  };
}

/** @param now Unix seconds */
export function rowOf(run: Run, lineage: Lineage, names: ArgumentNames, now: number): RunRow {
  const cells = cellsOf(run, now);
  return {
    path: run.path,
    name: run.name,
    parentPath: lineage.parentOf(run)?.path ?? null,
    checkpoint: newestCheckpoint(run)?.path ?? null,
    cells: [...COLUMNS.map(({ id }) => cells[id]), ...names.cells(run.config)],
  };
}
