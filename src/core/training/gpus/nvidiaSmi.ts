/** Asks nvidia-smi what GPUs there are, how much of them is used and by whom. */
import { firstOnPath } from '../../onPath';
import { lastLine, runProgram, type ProgramEnded } from '../../runProgram';
import type { Gpu } from './gpu';
import {
  GPU_QUERY,
  PROCESS_QUERY,
  readGpus,
  readInstances,
  readInstanceUse,
  readProcesses,
  ROWS,
} from './nvidiaSmiText';

const PROGRAM = 'nvidia-smi';
/** The first call after a start of the machine loads the driver, which takes seconds; a driver that hangs never answers. */
const LIMIT_MS = 15_000;

export interface GpuReading {
  /** Empty where there is none, and where none can be read. */
  readonly gpus: readonly Gpu[];
  /** There is an nvidia-smi that says what there is; without one a machine has no NVIDIA GPU as far as we know. */
  readonly available: boolean;
  /** Why the GPUs could not be read, in one line; null where they could, and where there is no nvidia-smi. */
  readonly problem: string | null;
}

/** Never rejects: a machine without GPUs, or with a broken driver, is one to train on. */
export async function readGpusHere(
  how: { readonly limitMs?: number; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<GpuReading> {
  // Each start of what is not there would hold the thread for milliseconds, before every start of a run.
  if (!(await mayBeThere(how.environment))) return { gpus: [], available: false, problem: null };
  const ask = (words: readonly string[]): Promise<ProgramEnded> =>
    runProgram(PROGRAM, words, { limitMs: how.limitMs ?? LIMIT_MS, environment: how.environment });
  const [answer, processes, list] = await Promise.all([
    ask([...GPU_QUERY, ...ROWS]),
    ask([...PROCESS_QUERY, ...ROWS]),
    ask(['-L']),
  ]);
  const found = readGpus(answer.output);
  if (found.length === 0) return { gpus: [], ...noneBecause(answer) };
  const users = readProcesses(processes.output);
  const gpus = found.map((gpu) => ({ ...gpu, processes: users.get(gpu.uuid) ?? [] }));
  const instances = readInstances(list.output);
  if (instances.length === 0) return { gpus, available: true, problem: null };
  const use = readInstanceUse((await ask(['-q', '-x'])).output);
  return {
    gpus: gpus.flatMap((gpu): Gpu[] => {
      const parts = instances.filter(({ parent }) => parent === gpu.uuid);
      if (parts.length === 0) return [gpu];
      // Of a divided GPU, CUDA uses the parts.
      return parts.map(({ uuid, device, profile }) => ({
        uuid,
        index: `${gpu.index}:${device}`,
        name: `${gpu.name} MIG ${profile}`,
        utilisation: null,
        // Without the long answer, whoever uses the GPU may use each part.
        ...(use.get(gpu.uuid)?.get(device) ?? { memoryBytes: null, usedBytes: null, processes: gpu.processes }),
      }));
    }),
    available: true,
    problem: null,
  };
}

/** False where no folder of the PATH has it. Without a PATH the system has one of its own, and Windows tries other endings. */
async function mayBeThere(environment = process.env): Promise<boolean> {
  if (process.platform === 'win32' || environment.PATH === undefined) return true;
  return (await firstOnPath([PROGRAM], environment)) !== undefined;
}

function noneBecause({ output, errors, code, ended }: ProgramEnded): Omit<GpuReading, 'gpus'> {
  if (ended?.includes('ENOENT') === true) return { available: false, problem: null };
  if (ended !== undefined) return { available: true, problem: `nvidia-smi: ${ended}` };
  const said = lastLine(errors) ?? firstLine(output);
  if (code === 0 || said === undefined || /No devices were found/i.test(output + errors)) {
    return { available: true, problem: code === 0 || said !== undefined ? null : `nvidia-smi ended with ${code}` };
  }
  return { available: true, problem: `nvidia-smi: ${said}` };
}

function firstLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '');
}
