/**
 * Flips one random bit of a checkpoint's files, again and again, and counts who notices: validation at level checksums,
 * and torch.load beside it. Two layouts: ours, with a manifest, anywhere in any file; and another trainer's .pt files,
 * where nothing but the zip's own checksums and structure can notice.
 *
 * Fails where a flip is not noticed although torch loads other values than before or none at all, and where a flip in a
 * record that holds tensors is noticed without one of them being named.
 * usage: tsx tools/bench/flips.ts PYTHON [COUNT [SEED]] (PYTHON has torch; 1,000 flips of each layout by default)
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { validateCheckpoint } from '../../src/core/checkpoint/validate/validate';
import { MemorySource } from '../../src/core/torchfile/container/source';
import { readTorchFile } from '../../src/core/torchfile/torchFile';
import { randomNumbers } from '../../test/random';
import { recordsOf } from '../../test/unit/checkpoint/fixtures';

const FIXTURES = path.join(__dirname, '../../test/fixtures/checkpoints');
const LAYOUTS = [
  { name: 'ours', fixtures: ['ours-dual/checkpoint-30', 'ours-triple/checkpoint-60'], files: /./ },
  { name: 'another trainer’s .pt files', fixtures: ['field/checkpoint-24000'], files: /\.pt$/ },
];

/** Loads the file of each line with torch.load and answers with a digest of all that it holds, or "refuses". */
const LOADER = `
import hashlib, sys, torch
from numpy import dtype, dtypes, float64
from numpy._core.multiarray import scalar
import _codecs
torch.serialization.add_safe_globals([dtype, dtypes.Float64DType, scalar, _codecs.encode])
def walk(value, digest):
    if isinstance(value, torch.Tensor):
        digest.update(repr((value.dtype, tuple(value.shape))).encode() + value.contiguous().numpy().tobytes())
    elif isinstance(value, (dict, list, tuple)):
        digest.update(f"{type(value).__name__} {len(value)}".encode())
        for item in value.items() if isinstance(value, dict) else value:
            walk(item, digest)
    else:
        digest.update(repr(value).encode())
for line in sys.stdin:
    try:
        digest = hashlib.sha256()
        walk(torch.load(line.rstrip("\\n"), map_location="cpu", weights_only=True), digest)
        print(digest.hexdigest(), flush=True)
    except Exception:
        print("refuses", flush=True)
`;

/** Where a byte of a file lies, and the tensors that use it. */
interface Place {
  readonly region: 'tensor data' | 'other records' | 'between and around records' | 'JSON';
  readonly tensors: readonly string[];
}

async function placeOf(name: string, bytes: Buffer, at: number): Promise<Place> {
  if (!name.endsWith('.pt')) return { region: 'JSON', tensors: [] };
  const hit = [...recordsOf(bytes)].find(([, { start, length }]) => at >= start && at < start + length);
  if (!hit) return { region: 'between and around records', tensors: [] };
  const key = /\/data\/([^/]+)$/.exec(hit[0])?.[1];
  const file = await readTorchFile(new MemorySource(bytes));
  const tensors = file.tensors.filter(({ tensor }) => tensor.storage.key === key).map((item) => item.name);
  return { region: tensors.length > 0 ? 'tensor data' : 'other records', tensors };
}

class Torch {
  private readonly process;
  private readonly answers;

  constructor(python: string) {
    this.process = spawn(python, ['-c', LOADER], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.answers = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async load(file: string): Promise<string> {
    this.process.stdin.write(`${file}\n`);
    const answer = await this.answers.next();
    if (answer.done === true) throw new Error('The Python process ended.');
    return answer.value;
  }

  end(): void {
    this.process.stdin.end();
  }
}

interface Counts {
  flips: number;
  noticed: number;
  /** Not noticed, and torch loads the very same values. */
  harmless: number;
  named: number;
}

async function flipLayout(
  { name, fixtures, files: chosen }: (typeof LAYOUTS)[number],
  torch: Torch,
  root: string,
  count: number,
  next: () => number,
): Promise<string[]> {
  const regions = new Map<Place['region'], Counts>();
  const wrong: string[] = [];
  const loads = { files: 0, refuses: 0, same: 0, other: 0 };
  for (let i = 0; i < count; i++) {
    const fixture = fixtures[Math.floor(next() * fixtures.length)] ?? '';
    const folder = path.join(root, path.basename(fixture));
    rmSync(folder, { recursive: true, force: true });
    cpSync(path.join(FIXTURES, fixture), folder, { recursive: true });
    const every = readdirSync(folder).map((file) => ({ name: file, bytes: statSync(path.join(folder, file)).size }));
    const files = every.filter((file) => chosen.test(file.name));
    // Each byte is as likely as every other.
    let at = Math.floor(next() * files.reduce((sum, file) => sum + file.bytes, 0));
    const file = files.find(({ bytes }) => (at < bytes ? true : ((at -= bytes), false)));
    if (!file) throw new Error('no file');
    const target = path.join(folder, file.name);
    const bit = Math.floor(next() * 8);
    const data = readFileSync(target);
    const place = await placeOf(file.name, data, at);
    data[at] = (data[at] ?? 0) ^ (1 << bit);
    writeFileSync(target, data);
    const hourAgo = Date.now() / 1000 - 3600;
    for (const each of every) utimesSync(path.join(folder, each.name), hourAgo, hourAgo);

    const report = await validateCheckpoint(folder, { level: 'checksums', blocking: true });
    const where = `${fixture}/${file.name} byte ${at} bit ${bit} (${place.region})`;
    const counts = regions.get(place.region) ?? { flips: 0, noticed: 0, harmless: 0, named: 0 };
    regions.set(place.region, counts);
    counts.flips++;
    let loaded = '';
    if (file.name.endsWith('.pt')) {
      const before = await torch.load(path.join(FIXTURES, fixture, file.name));
      if (before === 'refuses') throw new Error(`torch refuses ${fixture}/${file.name} as it is`);
      const after = await torch.load(target);
      loaded = after === 'refuses' ? 'refuses' : after === before ? 'same' : 'other';
      loads.files++;
      loads[loaded as 'refuses' | 'same' | 'other']++;
    }
    if (report.verdict !== 'valid') counts.noticed++;
    else if (loaded === 'same') counts.harmless++;
    else wrong.push(`not noticed: ${where}, which torch ${loaded}`);
    const names = (item: { code: string; message: string }): boolean =>
      item.code === 'checksum-mismatch' && place.tensors.some((tensor) => item.message.includes(`"${tensor}"`));
    if (report.findings.some(names)) counts.named++;
    else if (place.tensors.length > 0) wrong.push(`no tensor named: ${where} holds ${place.tensors.join(', ')}`);
    // What surrounds a record says where its data is and what its checksum is; other records say nothing of tensors.
    if (place.region === 'other records' && report.findings.some((item) => /: the bytes of tensor /.test(item.message)))
      wrong.push(`a tensor named that is not hit: ${where}`);
  }
  const lines = [...regions].map(
    ([region, { flips, noticed, harmless, named }]) =>
      `  ${region}: ${flips} flips, ${noticed} noticed${harmless > 0 ? `, ${harmless} harmless (torch loads the very same values)` : ''}` +
      (region === 'tensor data' ? `, the tensor named in ${named}` : ''),
  );
  process.stdout.write(
    `${[
      `${name}: ${count} flips, ${wrong.length} wrong`,
      ...lines,
      `  torch.load of the ${loads.files} in .pt files: refuses ${loads.refuses}, loads ${loads.other} with other values and ${loads.same} with the same, without a word`,
    ].join('\n')}\n`,
  );
  return wrong;
}

async function main(python: string, count: number, seed: number): Promise<void> {
  const root = mkdtempSync(path.join(tmpdir(), 'npt-flips-'));
  const torch = new Torch(python);
  const next = randomNumbers(seed);
  const wrong: string[] = [];
  try {
    for (const layout of LAYOUTS) wrong.push(...(await flipLayout(layout, torch, root, count, next)));
  } finally {
    torch.end();
    rmSync(root, { recursive: true, force: true });
  }
  for (const line of wrong) process.stdout.write(`  ${line}\n`);
  if (wrong.length > 0) process.exitCode = 1;
}

const [python, count = '1000', seed = '1'] = process.argv.slice(2);
if (python === undefined) throw new Error('usage: tsx tools/bench/flips.ts PYTHON [COUNT [SEED]]');
main(python, Number(count), Number(seed)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
