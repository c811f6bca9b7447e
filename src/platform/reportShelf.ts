/** The reports that open previews may still ask for. No vscode here. */
import { isWithin } from '../core/paths';

/** Reports kept at most, whatever is open; the oldest go first. */
const MOST = 30;

interface Report {
  readonly text: string;
  /** Paths that it is about. */
  readonly about: readonly string[];
  /** Of the document, as the title of its tab has it. */
  readonly name: string;
  /** A tab of that name was open since the report was put here. */
  seen: boolean;
}

export class ReportShelf {
  private readonly reports = new Map<string, Report>();

  get size(): number {
    return this.reports.size;
  }

  /**
   * @param name of the document, as the title of its tab will have it
   * @param about paths of what it is about
   */
  put(address: string, name: string, text: string, about: readonly string[] = []): void {
    this.reports.delete(address);
    this.reports.set(address, { text, about, name, seen: false });
    for (const oldest of this.reports.keys()) {
      if (this.reports.size <= MOST) return;
      this.reports.delete(oldest);
    }
  }

  get(address: string): string | undefined {
    return this.reports.get(address)?.text;
  }

  /**
   * A folder has another name: the reports about what is in it begin with what there is to say of that.
   *
   * @returns their addresses
   */
  moved(from: string, to: string, line: string): string[] {
    const told: string[] = [];
    for (const [address, report] of this.reports) {
      if (!report.about.some((each) => isWithin(each, from))) continue;
      const about = report.about.map((each) => (isWithin(each, from) ? to + each.slice(from.length) : each));
      this.reports.set(address, { ...report, about, text: `${line}\n\n${report.text}` });
      told.push(address);
    }
    return told;
  }

  /** These are the titles of the tabs that are open now: reports whose tab was closed are dropped. */
  keep(titles: readonly string[]): void {
    for (const [address, report] of this.reports) {
      // A preview opens a moment after its report is put here.
      if (titles.some((title) => title.includes(report.name))) report.seen = true;
      else if (report.seen) this.reports.delete(address);
    }
  }
}
