/**
 * @typedef {object} Outcome what a suite came to
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {{ title: string, detail: string }[]} failures
 */

/** @param {string} title @param {string} detail @returns {Outcome} one failed test */
export function failure(title, detail) {
  return { passed: 0, failed: 1, skipped: 0, failures: [{ title, detail: detail.trim() }] };
}

/** @param {Outcome[]} outcomes @returns {Outcome} */
export function sum(outcomes) {
  return {
    passed: outcomes.reduce((total, outcome) => total + outcome.passed, 0),
    failed: outcomes.reduce((total, outcome) => total + outcome.failed, 0),
    skipped: outcomes.reduce((total, outcome) => total + outcome.skipped, 0),
    failures: outcomes.flatMap((outcome) => outcome.failures),
  };
}

/** The last lines of a program's output: where it says what went wrong. */
export function tail(output, lines = 40) {
  return output.trimEnd().split('\n').slice(-lines).join('\n');
}
