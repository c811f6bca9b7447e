/** Slurm's programs, asked. */
import { lastLine, runProgram } from '../../../runProgram';

/** A slurmctld that is gone is waited for by them for some seconds. */
const ANSWERS_WITHIN_MS = 20_000;

/** What one of Slurm's programs said. */
export type Answer =
  | { readonly kind: 'answered'; readonly output: string }
  /** It is there, and refused: a job that it does not know, one that is somebody else's. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Whoever was asked was not reached; the reason is a clause. */
  | { readonly kind: 'silent'; readonly reason: string }
  /** This machine has no Slurm. */
  | { readonly kind: 'absent' };

export type AskSlurm = (program: string, words: readonly string[]) => Promise<Answer>;

/** What they say where it is the way to slurmctld or slurmdbd that fails, and not what was asked. */
const UNREACHED =
  /unable to contact|connect(?:ion)? (?:failure|refused)|timed out|unable to establish|DNS SRV|configuration source|not responding|communication|munge|authenticat|temporarily|No route|zero bytes/i;

export const askSlurm: AskSlurm = async (program, words) => {
  const environment = { ...process.env, SLURM_TIME_FORMAT: 'standard', LC_ALL: 'C' };
  const ran = await runProgram(program, words, { limitMs: ANSWERS_WITHIN_MS, environment });
  if (ran.ended?.includes('ENOENT') === true) return { kind: 'absent' };
  if (ran.ended !== undefined) return { kind: 'silent', reason: `${program}: ${ran.ended}` };
  if (ran.code === 0) return { kind: 'answered', output: ran.output };
  const reason = (lastLine(ran.errors) ?? `${program} ended with ${ran.code ?? 'a signal'}`).replace(
    /^(?:\w+: )?(?:slurm_load_jobs )?(?:error|fatal): /,
    '',
  );
  return { kind: UNREACHED.test(ran.errors) || ran.code === null ? 'silent' : 'refused', reason };
};
