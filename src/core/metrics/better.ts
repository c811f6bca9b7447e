/** What a table shows of a metric, and which of its values is the good one: what its name tells, for metrics that nobody listed. */

export interface MetricFigures {
  /** As it was last logged, and not taken back by a resume. */
  readonly last: number | null;
  /** Of an evaluation whose name tells which of its values is the better one; null for all else. */
  readonly best: number | null;
}

const LOW = /(^|[/_])(loss|losses|perplexity|ppl|entropy|kl|mse|error|wer|cer)(_|\/|$)/;
const HIGH = /(^|[/_])(accuracy|acc|agreement|f1|bleu|rouge|exact_match)(_|\/|$)/;

/** Which of a metric's values is the best; null where its name does not tell. */
export function betterOf(metric: string): 'low' | 'high' | null {
  return LOW.test(metric) ? 'low' : HIGH.test(metric) ? 'high' : null;
}
