/**
 * The catalogue of findings: how bad each is, what it makes of the verdict, and what to do. docs/findings.md explains
 * every one of them; a test keeps the two together. Codes are stable: scripts rely on them.
 */
import { readFailure, WrongKindError } from '../../files';
import type { FileProblem, FileProblemCode } from '../../torchfile/problems';
import type { Finding, Severity, Verdict } from '../report/report';

interface FindingKind {
  readonly severity: Severity;
  /** What the checkpoint is when this is found with severity error. */
  readonly verdict: Verdict;
  readonly advice?: string;
}

const RESTORE = 'Use another checkpoint, or restore this one from a copy.';
const DISTRUST = 'Do not load this file in Python unless you trust whoever made it.';
const NOT_TORCHS =
  'torch did not write this file as it is: get it again from where it came from, and do not load it before you know why.';

const FILE_FINDINGS: Readonly<Record<FileProblemCode, FindingKind>> = {
  'empty-file': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  truncated: {
    severity: 'error',
    verdict: 'invalid',
    advice: `The file was cut short, by a full disk or an interrupted copy. ${RESTORE}`,
  },
  'zeroed-file': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'not-torch': { severity: 'error', verdict: 'unverifiable', advice: 'Check that this is the file you meant.' },
  'other-archive': {
    severity: 'error',
    verdict: 'unverifiable',
    advice: 'Unpack or convert it first; a Git LFS pointer becomes the file with "git lfs pull".',
  },
  'torchscript-archive': {
    severity: 'error',
    verdict: 'unverifiable',
    advice: 'A TorchScript program is not a checkpoint, and loading it runs what it contains.',
  },
  encrypted: { severity: 'error', verdict: 'unverifiable', advice: 'Decrypt the archive first; torch never encrypts.' },
  'zip-central-directory': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'zip-duplicate-record': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'zip-name-mismatch': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'zip-header-mismatch': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'zip-flags': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'zip-record-bounds': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'zip-overlap': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'zip-hidden-bytes': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'zip-compressed': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'Somebody packed this file again. torch still reads it, more slowly.',
  },
  'zip-compression-method': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'Unpack the archive and pack it again without compression.',
  },
  'zip-extra-record': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'zip-several-roots': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'trailing-data': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'pickle-malformed': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'pickle-truncated': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'pickle-limit': {
    severity: 'error',
    verdict: 'unverifiable',
    advice: 'No checkpoint needs this much: treat the file as suspect.',
  },
  'pickle-trailing-data': { severity: 'error', verdict: 'invalid', advice: NOT_TORCHS },
  'dangerous-global': { severity: 'error', verdict: 'dangerous', advice: DISTRUST },
  'unknown-call': {
    severity: 'error',
    verdict: 'unverifiable',
    advice: `Look at what that function does. ${DISTRUST}`,
  },
  'unknown-global': {
    severity: 'error',
    verdict: 'unverifiable',
    advice: 'Save the checkpoint again without these objects: as plain numbers, strings, dicts, lists and tensors.',
  },
  'nested-pickle': { severity: 'error', verdict: 'dangerous', advice: DISTRUST },
  'encoded-pickle': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'Loading the file runs nothing of it. Do not decode and load that string before you know whose it is.',
  },
  'missing-record': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'storage-size': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'unused-record': { severity: 'warning', verdict: 'valid', advice: 'It takes space and changes nothing.' },
  'byte-order': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'unreadable-file': {
    severity: 'error',
    verdict: 'unverifiable',
    advice: "Check the file's permissions and the disk.",
  },
};

const CHECKPOINT_FINDINGS = {
  // files
  'not-a-checkpoint': {
    severity: 'error',
    verdict: 'unverifiable',
    advice: 'Choose a checkpoint folder (checkpoints/checkpoint-<step>, final) or a .pt file.',
  },
  'missing-file': {
    severity: 'error',
    verdict: 'incomplete',
    advice: 'A save was interrupted, or a copy left files out: use another checkpoint.',
  },
  'not-a-file': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'Put the file itself in its place, or use another checkpoint.',
  },
  'being-written': {
    severity: 'error',
    verdict: 'incomplete',
    advice: 'Validate it again when the trainer has finished saving.',
  },
  'being-deleted': {
    severity: 'error',
    verdict: 'incomplete',
    advice: 'It is on its way out: use another checkpoint.',
  },
  'manifest-size': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  // structure: JSON files
  'config-unreadable': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'Put a readable config.json in its place, for instance that of a neighbouring checkpoint.',
  },
  'config-value': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'A resume cannot take it from there: give a value for it when you resume.',
  },
  'manifest-unreadable': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'manifest-changed': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'Somebody edited manifest.json, or it is damaged; the files may still be whole.',
  },
  'manifest-incomplete': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'newer-schema': { severity: 'error', verdict: 'unverifiable', advice: 'Update NPT Checkpoints.' },
  'safetensors-header': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  // structure: keys and tensors
  'missing-key': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'bad-value': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'no-weights': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'unknown-weight': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'A resume ignores tensors that are no NP component’s.',
  },
  'wrapped-names': { severity: 'info', verdict: 'valid', advice: 'A resume reads them without it.' },
  'ambiguous-names': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'Save the weights again with one name for each tensor.',
  },
  'unsupported-tensor': {
    severity: 'error',
    verdict: 'unverifiable',
    advice: 'Save it again as a plain tensor on the CPU: tensor.detach().cpu().',
  },
  'weight-type': { severity: 'warning', verdict: 'valid', advice: 'The trainer writes fp32; a resume converts.' },
  'weight-shape': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'missing-weight': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  'mixed-modulation': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'A model has one modulation and one number of ranks in all its layers.',
  },
  // structure: agreement
  'layer-missing': { severity: 'error', verdict: 'invalid', advice: 'A resume would train these layers from scratch.' },
  'layer-extra': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'A resume drops these layers unless --train_layers names them.',
  },
  'layer-weights': { severity: 'warning', verdict: 'valid' },
  'step-folder': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'Rename the folder to the step that it holds, or find out which checkpoint this is.',
  },
  'step-manifest': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'The files come from different checkpoints: use another one.',
  },
  'step-scheduler': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'A resume would use the learning rate of another step.',
  },
  'curriculum-malformed': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'Give --curriculum_stages explicitly when you resume.',
  },
  'stage-mismatch': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'A resume computes the stage from the step; find out why the file says otherwise.',
  },
  'stage-boundary': {
    severity: 'info',
    verdict: 'valid',
    advice: 'Harmless: a resume computes the stage from the step.',
  },
  'stage-manifest': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'The files come from different checkpoints: use another one.',
  },
  'optimizer-mismatch': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'A resume would fail or give tensors the moments of others. Use another checkpoint.',
  },
  'optimizer-order': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'By their positions tensors would get the moments of others.',
  },
  'optimizer-empty': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'The loss may jump for some steps.',
  },
  'optimizer-other': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'The loss may jump for some steps: consider a lower learning rate or a warm-up.',
  },
  'optimizer-converted': { severity: 'info', verdict: 'valid' },
  'merged-checkpoint': {
    severity: 'info',
    verdict: 'valid',
    advice: 'Each layer comes from its own run.',
  },
  'config-mismatch': { severity: 'warning', verdict: 'valid', advice: 'A resume takes these from the tensors.' },
  'other-trainer': { severity: 'info', verdict: 'valid' },
  // checksums
  'checksum-mismatch': {
    severity: 'error',
    verdict: 'invalid',
    advice: `The bytes changed after they were written; torch.load would not notice. ${RESTORE}`,
  },
  'sha256-mismatch': {
    severity: 'error',
    verdict: 'invalid',
    advice: `The file changed after it was written. ${RESTORE}`,
  },
  'no-checksums': { severity: 'info', verdict: 'valid', advice: 'Changed bytes in this file cannot be noticed.' },
  'unreadable-data': { severity: 'error', verdict: 'invalid', advice: RESTORE },
  // numbers
  'non-finite': {
    severity: 'error',
    verdict: 'invalid',
    advice: 'Training diverged before this checkpoint, or the file is damaged: resume from an earlier one.',
  },
  'zero-tensor': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'This matrix has no effect and passes no gradient on: see whether the layer learns.',
  },
  'zero-block': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'A page of a file that was never written out looks like this: compare with a neighbouring checkpoint.',
  },
  'huge-values': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'Training may be diverging: look at the loss, and consider an earlier checkpoint.',
  },
  'weights-jump': {
    severity: 'warning',
    verdict: 'valid',
    advice:
      'Training broke between these two checkpoints, or one of them is another run’s: resume from the earlier one.',
  },
  // forward
  'forward-non-finite': {
    severity: 'error',
    verdict: 'invalid',
    advice:
      'The weights are finite and their products are not: training has diverged. Resume from an earlier checkpoint.',
  },
  'forward-disagrees': {
    severity: 'warning',
    verdict: 'valid',
    advice: 'The weights or probe.pt are not those that the trainer measured.',
  },
  'forward-unavailable': { severity: 'info', verdict: 'valid' },
} as const satisfies Record<string, FindingKind>;

export type CheckpointFindingCode = keyof typeof CHECKPOINT_FINDINGS;
export type FindingCode = FileProblemCode | CheckpointFindingCode;

export const FINDINGS: Readonly<Record<FindingCode, FindingKind>> = { ...FILE_FINDINGS, ...CHECKPOINT_FINDINGS };

/** A finding of the catalogue's severity, or of a milder one where the circumstances ask for it. */
export function finding(code: FindingCode, file: string | null, message: string, severity?: Severity): Finding {
  const kind = FINDINGS[code];
  const base = { code, severity: severity ?? kind.severity, file, message };
  return kind.advice === undefined ? base : { ...base, advice: kind.advice };
}

/** What files.ts and Node say of a file that is there and was not read. */
export function unreadable(file: string, error: unknown): Finding {
  const code = error instanceof WrongKindError ? 'not-a-file' : 'unreadable-file';
  return finding(code, file, `${file} ${readFailure(error)}.`);
}

export function fromProblem(file: string, problem: FileProblem): Finding {
  return finding(problem.code, file, `${file}: ${problem.message}`);
}

const VERDICT_ORDER: readonly Verdict[] = ['dangerous', 'invalid', 'unverifiable', 'incomplete', 'valid'];
const SEVERITY_ORDER: readonly Severity[] = ['error', 'warning', 'info'];

/** The worst that the errors make of it; warnings and infos alone leave `valid`. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const verdicts = new Set(
    findings.filter((item) => item.severity === 'error').map((item) => FINDINGS[item.code as FindingCode].verdict),
  );
  return VERDICT_ORDER.find((verdict) => verdicts.has(verdict)) ?? 'valid';
}

/** Worst first: by what they make of the verdict, then by severity; otherwise in the order found. */
export function sorted(findings: readonly Finding[]): Finding[] {
  const weight = (item: Finding): number =>
    item.severity === 'error'
      ? VERDICT_ORDER.indexOf(FINDINGS[item.code as FindingCode].verdict)
      : 10 + SEVERITY_ORDER.indexOf(item.severity);
  return [...findings].sort((a, b) => weight(a) - weight(b));
}
