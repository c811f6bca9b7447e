import assert from 'node:assert/strict';
import path from 'node:path';
import fc from 'fast-check';
import { NO_ENVIRONMENT } from '../../../src/core/training/launchers/environment';
import {
  PROGRAM_KINDS,
  programCommand,
  programKindOf,
  programPlaces,
  programRequestOf,
  programWords,
} from '../../../src/core/training/checkpointPrograms';

const ROOT = path.resolve('/work space');

describe('programs on checkpoints', () => {
  it('are asked for by tasks.json, with paths of its folder', () => {
    const read = (definition: Record<string, unknown>): unknown => {
      const kind = programKindOf(definition);
      assert.ok(kind);
      return programRequestOf(definition, kind, ROOT);
    };
    const checkpoint = 'experiments/a/checkpoints/checkpoint-8';
    const checkpoints = [path.join(ROOT, checkpoint)];
    assert.deepEqual(read({ kind: 'export', checkpoint, output: '../x', prompt: 'no' }), {
      ...{ kind: 'export', checkpoints, output: path.resolve(ROOT, '../x') },
      ...{ prompt: undefined, file: undefined },
    });
    assert.deepEqual(read({ kind: 'generate', checkpoint, prompt: ' The' }), {
      ...{ kind: 'generate', checkpoints, output: undefined, prompt: ' The', file: undefined },
    });
    assert.deepEqual(read({ kind: 'evaluate', checkpoint, file: 'a.txt' }), {
      ...{ kind: 'evaluate', checkpoints, output: undefined, prompt: undefined, file: path.join(ROOT, 'a.txt') },
    });
  });

  for (const [definition, message] of [
    [{ kind: 'export', output: 'x' }, '"checkpoint" is missing: write the path of a checkpoint or of a run.'],
    [{ kind: 'export', checkpoint: 'x' }, '"output" is missing: write the path of the new folder.'],
    [{ kind: 'generate', checkpoint: 'x', prompt: 3 }, '"prompt" is 3: write the text to continue.'],
    [{ kind: 'evaluate', checkpoint: 'x', file: [] }, '"file" is []: write a path.'],
    [{ kind: 'evaluate', checkpoint: 'x', output: ' ' }, '"output" is " ": write a path.'],
  ] as const) {
    it(`says that ${message}`, () => {
      assert.equal(programRequestOf(definition, definition.kind, ROOT), message);
    });
  }

  it('are never asked for by half: anything is a request or one line', () => {
    const keys = ['checkpoint', 'output', 'prompt', 'file'];
    fc.assert(
      fc.property(
        fc.constantFrom(...PROGRAM_KINDS),
        fc.dictionary(fc.constantFrom(...keys), fc.oneof(fc.string(), fc.jsonValue())),
        (kind, rest) => {
          const request = programRequestOf({ kind, ...rest }, kind, ROOT);
          if (typeof request === 'string') {
            assert.doesNotMatch(request, /\n/);
            return;
          }
          assert.ok(request.checkpoints.every((each) => path.isAbsolute(each)));
          assert.ok(programWords(request).every((word) => typeof word === 'string'));
        },
      ),
    );
  });

  it('are nothing that trains', () => {
    assert.equal(programKindOf({ kind: 'resume' }), undefined);
  });

  it('take a prompt and a path that begin with a dash as what they are', () => {
    assert.deepEqual(programWords({ kind: 'generate', checkpoints: ['/c'], prompt: '--help' }), ['--', '/c', '--help']);
    assert.deepEqual(programWords({ kind: 'evaluate', checkpoints: ['/a', '/b'], file: '/t', output: '/o' }), [
      ...['--teacher', '--file', '/t', '--output', '/o', '--', '/a', '/b'],
    ]);
  });

  it('run in the environment of training, from beside its script or with what ships', () => {
    assert.deepEqual(programPlaces('export', '/w/scripts/train.py', '/ext/trainer'), [
      path.normalize('/w/scripts/export_model.py'),
      path.normalize('/ext/trainer/scripts/export_model.py'),
    ]);
    const environment = { ...NO_ENVIRONMENT, variables: { HF_HOME: '/h' } };
    const request = { kind: 'export', checkpoints: ['/c'], output: '/o' } as const;
    assert.deepEqual(programCommand(request, { interpreter: 'py', script: 's.py', environment }), [
      ...['exec', '--env', 'HF_HOME=/h', '--', 'py', 's.py', '/c', '--output', '/o'],
    ]);
  });
});
