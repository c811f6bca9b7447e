/** Test programs' own reports, as outcomes. */
import { readFileSync } from 'node:fs';
import { tail } from './outcome.mjs';

/** @param {string} file mocha's JSON report @returns {import('./outcome.mjs').Outcome} */
export function readMocha(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  return {
    passed: report.stats.passes,
    failed: report.stats.failures,
    skipped: report.stats.pending,
    failures: report.failures.map((test) => ({
      title: test.fullTitle,
      detail: tail(test.err.stack ?? test.err.message ?? 'no message', 25),
    })),
  };
}

const ENTITIES = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const unescaped = (text) =>
  text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hex, name) =>
    name === undefined
      ? String.fromCodePoint(decimal === undefined ? parseInt(hex, 16) : Number(decimal))
      : (ENTITIES[name] ?? whole),
  );

/** @param {string} file pytest's JUnit XML report @returns {import('./outcome.mjs').Outcome} */
export function readJunit(file) {
  const xml = readFileSync(file, 'utf8');
  const attributes = (tag) =>
    Object.fromEntries([...tag.matchAll(/([\w:.-]+)="([^"]*)"/g)].map(([, name, value]) => [name, unescaped(value)]));
  const counts = attributes(/<testsuite\b[^>]*>/.exec(xml)?.[0] ?? '');
  const failed = Number(counts.failures ?? 0) + Number(counts.errors ?? 0);
  const skipped = Number(counts.skipped ?? 0);
  const failures = [
    ...xml.matchAll(/<testcase\b([^>]*)>\s*<(?:failure|error)\b[^>]*?>([\s\S]*?)<\/(?:failure|error)>/g),
  ].map(([, head, body]) => {
    const { classname, name } = attributes(head);
    return { title: `${classname} › ${name}`, detail: tail(unescaped(body), 30) };
  });
  return { passed: Number(counts.tests ?? 0) - failed - skipped, failed, skipped, failures };
}
