/**
 * Progress of long steps as plain lines, so that it reads the same on a terminal, in a log and when two steps run at once.
 */
import { stripVTControlCharacters } from 'node:util';

const HEARTBEAT_MS = 5000;

/** "850 ms", "12 s" or "2 min 5 s". */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function shortened(line) {
  const plain = stripVTControlCharacters(line).replace(/\s+/g, ' ').trim();
  return plain.length > 110 ? `${plain.slice(0, 107)}…` : plain;
}

/**
 * Runs a step that takes long enough to wonder: says what it does and about how long it takes, then every five seconds
 * how far it is, then how long it took.
 * @template T
 * @param {string} title what is being made, e.g. "Python environment"
 * @param {string} expectation what it does and about how long, e.g. "installing PyTorch (about a minute)"
 * @param {(report: (doing: string) => void) => Promise<T>} work is given a function that says what it is doing now
 * @returns {Promise<T>}
 */
export async function step(title, expectation, work) {
  const started = performance.now();
  let doing = '';
  console.log(`▸ ${title}: ${expectation}`);
  const timer = setInterval(() => {
    console.log(`  ${title}: ${duration(performance.now() - started)}${doing === '' ? '' : ` · ${doing}`}`);
  }, HEARTBEAT_MS);
  try {
    const result = await work((line) => {
      const text = shortened(line);
      if (text !== '') doing = text;
    });
    console.log(`✓ ${title} (${duration(performance.now() - started)})`);
    return result;
  } finally {
    clearInterval(timer);
  }
}
