/** How fast a run goes, by what somebody sees of it who looks now and then and reads no log. */

/** What lies longer back says nothing of how fast it is now, seconds. */
const WINDOW_SECONDS = 600;
/** A rate over less than this is an accident, seconds. */
const SHORTEST_SECONDS = 20;

export class Pace {
  /** The moments at which a step was first seen, oldest first. */
  private seen: { readonly step: number; readonly at: number }[] = [];

  /** @param at seconds of any clock that does not go back */
  note(step: number, at: number): void {
    const last = this.seen.at(-1);
    if (last?.step === step) return;
    // It goes on from an earlier checkpoint.
    if (last !== undefined && step < last.step) this.seen = [];
    this.seen.push({ step, at });
    while (this.seen.length > 2 && at - (this.seen[1]?.at ?? at) > WINDOW_SECONDS) this.seen.shift();
  }

  /** Steps a second; NaN where not enough was seen. */
  get rate(): number {
    const [first] = this.seen;
    const last = this.seen.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < SHORTEST_SECONDS) return Number.NaN;
    return (last.step - first.step) / (last.at - first.at);
  }
}
