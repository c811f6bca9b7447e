/** A window with several folders open, as labs have them: in each other, copied, and looking at each other's runs. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Makes three more folders around a workspace with a run `main`: one inside of it with a run of its own, a copy of it (with
 * the same ids), and one without a trainer whose setting names the workspace's experiments folder. In the workspace and in
 * its copy a run `child` branched from `main`.
 *
 * @returns the `.code-workspace` that opens all four, the one without a trainer first
 */
export function severalRoots(workspace: string, folder: string): string {
  const main = path.join(workspace, 'experiments/main');
  const born = JSON.parse(readFileSync(path.join(main, 'run.json'), 'utf8')) as { id: string; created: number };
  const child = path.join(workspace, 'experiments/child');
  mkdirSync(child);
  writeFileSync(
    path.join(child, 'run.json'),
    JSON.stringify({
      ...born,
      id: `${born.id}-child`,
      created: born.created + 1,
      parent: { id: born.id, run: 'main', checkpoint: 'checkpoint-8', step: 8 },
    }),
  );
  const copy = path.join(folder, 'copy');
  cpSync(workspace, copy, { recursive: true });
  const inner = path.join(workspace, 'inner');
  mkdirSync(path.join(inner, 'experiments'), { recursive: true });
  cpSync(path.join(workspace, 'scripts'), path.join(inner, 'scripts'), { recursive: true });
  cpSync(main, path.join(inner, 'experiments/inner-run'), { recursive: true });
  const notes = path.join(folder, 'notes');
  mkdirSync(path.join(notes, '.vscode'), { recursive: true });
  writeFileSync(
    path.join(notes, '.vscode/settings.json'),
    JSON.stringify({ 'npt.experimentsFolder': '../workspace/experiments' }),
  );
  const file = path.join(folder, 'several.code-workspace');
  writeFileSync(file, JSON.stringify({ folders: [notes, workspace, inner, copy].map((each) => ({ path: each })) }));
  return file;
}
