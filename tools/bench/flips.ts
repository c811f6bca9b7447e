/**
 * Flips one random bit of one of our checkpoints' files, again and again, and counts who notices: validation at level
 * checksums, and torch.load beside it. A bit that changes nothing is shown not to matter: everything reads the same.
 * usage: tsx tools/bench/flips.ts PYTHON [COUNT [SEED]] (PYTHON has torch; 1,000 flips by default)
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { validateCheckpoint } from '../../src/core/checkpoint/validate';

const FIXTURES = path.join(__dirname, '../../test/fixtures/checkpoints');
const OURS = ['ours-dual/checkpoint-30', 'ours-triple/checkpoint-60'];

/** Loads the file of each line with torch.load and answers: "loads" or "refuses". */
const LOADER = `
import sys, torch
for line in sys.stdin:
    try:
        torch.load(line.rstrip("\\n"), map_location="cpu", weights_only=True)
        print("loads", flush=True)
    except Exception:
        print("refuses", flush=True)
`;

/** Small, seeded, good enough to pick places: mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function main(python: string, count: number, seed: number): Promise<void> {
  const root = mkdtempSync(path.join(tmpdir(), 'npt-flips-'));
  const loader = spawn(python, ['-c', LOADER], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: loader.stdout })[Symbol.asyncIterator]();
  const next = random(seed);
  const counts = { noticed: 0, missed: [] as string[], tensorNamed: 0, inTensors: 0, torchRefuses: 0, torchFiles: 0 };
  try {
    for (let i = 0; i < count; i++) {
      const fixture = OURS[Math.floor(next() * OURS.length)] ?? '';
      const folder = path.join(root, path.basename(fixture));
      rmSync(folder, { recursive: true, force: true });
      cpSync(path.join(FIXTURES, fixture), folder, { recursive: true });
      const files = readdirSync(folder).map((name) => ({ name, bytes: statSync(path.join(folder, name)).size }));
      // Anywhere in any file: each byte is as likely as every other.
      let at = Math.floor(next() * files.reduce((sum, file) => sum + file.bytes, 0));
      const file = files.find(({ bytes }) => (at < bytes ? true : ((at -= bytes), false)));
      if (!file) throw new Error('no file');
      const target = path.join(folder, file.name);
      const bit = Math.floor(next() * 8);
      const data = readFileSync(target);
      data[at] = (data[at] ?? 0) ^ (1 << bit);
      writeFileSync(target, data);
      const hourAgo = Date.now() / 1000 - 3600;
      for (const { name } of files) utimesSync(path.join(folder, name), hourAgo, hourAgo);
      const report = await validateCheckpoint(folder, { level: 'checksums', blocking: true });
      if (report.verdict !== 'valid') counts.noticed++;
      else counts.missed.push(`${fixture}/${file.name} byte ${at} bit ${bit}`);
      const mismatch = report.findings.filter(({ code }) => code === 'checksum-mismatch');
      if (mismatch.length > 0) counts.inTensors++;
      if (mismatch.some(({ message }) => message.includes('tensor "'))) counts.tensorNamed++;
      if (file.name.endsWith('.pt')) {
        counts.torchFiles++;
        loader.stdin.write(`${target}\n`);
        if ((await answers.next()).value === 'refuses') counts.torchRefuses++;
      }
    }
  } finally {
    loader.stdin.end();
    rmSync(root, { recursive: true, force: true });
  }
  const lines = [
    `${count} flips, seed ${seed}: noticed ${counts.noticed}, missed ${counts.missed.length}`,
    `  ${counts.inTensors} broke a record's CRC; in ${counts.tensorNamed} of them the message names the tensor, the others hit records that hold none`,
    `  torch.load of the ${counts.torchFiles} in .pt files: refuses ${counts.torchRefuses}, loads ${counts.torchFiles - counts.torchRefuses} without a word`,
    ...counts.missed.map((place) => `  missed: ${place}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (counts.missed.length > 0) process.exitCode = 1;
}

const [python, count = '1000', seed = '1'] = process.argv.slice(2);
if (python === undefined) throw new Error('usage: tsx tools/bench/flips.ts PYTHON [COUNT [SEED]]');
main(python, Number(count), Number(seed)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
