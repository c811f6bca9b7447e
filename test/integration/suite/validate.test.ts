import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { ValidationReport } from '../../../src/core/checkpoint/report/report';
import { activated, mainRun, workspaceRoot } from './extension';

async function validate(checkpoint: string): Promise<ValidationReport> {
  await activated();
  const reports = await vscode.commands.executeCommand<readonly ValidationReport[]>('npt.validate', checkpoint);
  assert.equal(reports.length, 1);
  return reports[0]!;
}

describe('NPT: Validate Checkpoint', () => {
  const good = (): string => path.join(mainRun(), 'checkpoints/checkpoint-8');
  let copy: string;

  beforeEach(() => {
    copy = path.join(workspaceRoot(), 'experiments/copy/checkpoints/checkpoint-8');
    mkdirSync(path.dirname(copy), { recursive: true });
    cpSync(good(), copy, { recursive: true });
  });
  afterEach(() => {
    rmSync(path.join(workspaceRoot(), 'experiments/copy'), { recursive: true, force: true });
  });

  it('finds what the trainer wrote valid, with its facts', async () => {
    const report = await validate(good());
    assert.equal(report.verdict, 'valid');
    assert.equal(report.step, 8);
    assert.equal(report.stage, 'student');
    assert.deepEqual(report.layers, [2, 3]);
    assert.deepEqual(
      report.findings.filter((finding) => finding.severity === 'error'),
      [],
    );
  });

  it('names the file in which one bit is wrong', async () => {
    const file = path.join(copy, 'npt_weights.pt');
    const bytes = readFileSync(file);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = bytes[middle]! ^ 1;
    writeFileSync(file, bytes);
    const report = await validate(copy);
    assert.equal(report.verdict, 'invalid');
    assert.ok(report.findings.some((finding) => finding.severity === 'error' && finding.file === 'npt_weights.pt'));
  });

  it('names the file that is missing', async () => {
    rmSync(path.join(copy, 'training_state.pt'));
    const report = await validate(copy);
    assert.equal(report.verdict, 'incomplete');
    assert.ok(report.findings.some((finding) => finding.file === 'training_state.pt'));
  });

  it('validates the whole workspace, and reads again only what changed', async () => {
    const api = await activated();
    await api.workspaces.rescan('everything');
    const validateAll = (): Thenable<readonly ValidationReport[]> => vscode.commands.executeCommand('npt.validateAll');
    const first = await validateAll();
    const paths = first.map((report) => report.path);
    assert.ok(paths.includes(good()) && paths.includes(copy), paths.join('\n'));
    assert.ok(first.every((report) => report.verdict === 'valid'));
    truncateSync(path.join(copy, 'npt_weights.pt'), 100);
    const second = await validateAll();
    const of = (reports: readonly ValidationReport[], wanted: string): ValidationReport | undefined =>
      reports.find((report) => report.path === wanted);
    assert.equal(of(second, copy)?.verdict, 'invalid');
    assert.equal(of(second, good()), of(first, good()), 'the very same report');
  });
});
