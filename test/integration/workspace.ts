/** The workspace that the in-host suite opens: made by the real trainer, with one run that was stopped early. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SHARED_CPU } from '../../tools/demo/training.mjs';
import { demoWorkspace } from '../../tools/demo/workspace.mjs';

const LIMIT_MS = 600_000;
/** Short stages, so that a few seconds on a CPU pass through all of them; far more steps than anybody waits for. */
const ARGUMENTS = [
  ...['--demo_mode', '--wandb_mode', 'disabled'],
  ...['--curriculum_stages', 'teacher:4,mixed:4:0.5,student:5000', '--max_steps', '5000'],
  ...['--save_steps', '4', '--logging_steps', '2', '--eval_steps', '1000', '--generation_steps', '5000'],
];

/**
 * Makes the workspace and trains a run in it past step 8.
 * @param root the clone
 * @param folder does not exist yet
 * @param python interpreter with the trainer's requirements
 * @param name the run's
 * @param more of the trainer's arguments, over those of every such run
 * @throws when the trainer fails, with its last lines
 */
export async function makeWorkspace(
  root: string,
  folder: string,
  python: string,
  name = 'main',
  more: readonly string[] = [],
): Promise<void> {
  const run = path.join('experiments', name);
  demoWorkspace(root, folder);
  mkdirSync(path.join(folder, '.vscode'));
  // An alert of a run that really trains must not come between what a test waits for; the alerts' own tests turn them on.
  const settings = { 'npt.pythonPath': python, 'npt.notifications': 'off' };
  writeFileSync(path.join(folder, '.vscode/settings.json'), JSON.stringify(settings));
  const trainer = spawn(python, ['scripts/train_multi_layer_npt.py', ...ARGUMENTS, '--output_dir', run, ...more], {
    cwd: folder,
    env: { ...process.env, ...SHARED_CPU },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const take = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  trainer.stdout.on('data', take);
  trainer.stderr.on('data', take);
  const limit = setTimeout(() => trainer.kill('SIGKILL'), LIMIT_MS);
  const watch = setInterval(() => {
    if (existsSync(path.join(folder, run, 'checkpoints/checkpoint-8/manifest.json'))) {
      clearInterval(watch);
      trainer.kill('SIGINT');
    }
  }, 100);
  await once(trainer, 'close');
  clearInterval(watch);
  clearTimeout(limit);
  if (!existsSync(path.join(folder, run, 'exit.json'))) {
    throw new Error(`The trainer did not come to a stop: ${output.slice(-2000)}`);
  }
}
