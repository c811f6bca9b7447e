import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  CurriculumError,
  curriculumFromSchedule,
  describeCurriculum,
  formatCurriculum,
  parseCurriculum,
  sameFrom,
  stageAt,
  type Curriculum,
} from '../../../src/core/curriculum';

const GUIDE = 'teacher:20000,mixed:30000:0.5,student:40000';

const ratio = fc.oneof(
  fc.constantFrom(0, 0.25, 0.5, 1),
  fc.double({ min: 0, max: 1, noNaN: true }).map((x) => x + 0),
);
const stageText = fc.oneof(
  fc.tuple(fc.constant('teacher'), fc.integer({ min: 1, max: 1_000_000 }), fc.constant(0), fc.option(ratio)),
  fc.tuple(fc.constant('mixed'), fc.integer({ min: 1, max: 1_000_000 }), ratio, fc.option(ratio)),
  fc.tuple(fc.constant('student'), fc.integer({ min: 1, max: 1_000_000 }), fc.constant(1), fc.option(ratio)),
);
const curricula = fc.array(stageText, { minLength: 1, maxLength: 6 }).map((parts): Curriculum => {
  let from = 0;
  return {
    stages: parts.map(([name, steps, mixingRatio, mlpMixingRatio]) => {
      const stage = { name: name as 'teacher', from, until: from + steps, mixingRatio, mlpMixingRatio };
      from += steps;
      return stage;
    }),
  };
});

function refused(text: string): CurriculumError {
  try {
    parseCurriculum(text);
  } catch (error) {
    assert.ok(error instanceof CurriculumError, String(error));
    return error;
  }
  assert.fail(`"${text}" was accepted`);
}

describe('curriculum', () => {
  it('reads lengths as cumulative, exclusive ends', () => {
    assert.deepEqual(parseCurriculum(GUIDE).stages, [
      { name: 'teacher', from: 0, until: 20000, mixingRatio: 0, mlpMixingRatio: null },
      { name: 'mixed', from: 20000, until: 50000, mixingRatio: 0.5, mlpMixingRatio: null },
      { name: 'student', from: 50000, until: 90000, mixingRatio: 1, mlpMixingRatio: null },
    ]);
  });

  it('resumes step 25000 of the guide example in mixed, and a boundary step in the next stage', () => {
    const curriculum = parseCurriculum(GUIDE);
    assert.equal(stageAt(curriculum, 25000).stage.name, 'mixed');
    assert.equal(stageAt(curriculum, 19999).stage.name, 'teacher');
    assert.equal(stageAt(curriculum, 20000).stage.name, 'mixed');
    assert.deepEqual(stageAt(curriculum, 123456), { stage: curriculum.stages[2], index: 2 });
  });

  it('reads an MLP ratio, several mixed stages, spaces', () => {
    const curriculum = parseCurriculum(' mixed:10:.25:1 , mixed : 5 : 1e-1 ');
    assert.deepEqual(
      curriculum.stages.map((stage) => [stage.mixingRatio, stage.mlpMixingRatio]),
      [
        [0.25, 1],
        [0.1, null],
      ],
    );
  });

  for (const [text, position, words] of [
    ['', 0, /empty/],
    ['teacher:10,', 11, /stage 2, character 12.*nothing between/],
    ['teachr:10', 0, /stage 1, character 1: "teachr"/],
    ['teacher:10,mixed:5', 11, /stage 2, character 12.*needs a mixing ratio/],
    ['teacher:10,mixed:5:1.5', 19, /character 20.*"1\.5"/],
    ['mixed:5:nan', 8, /"nan"/],
    ['mixed:5:0.5:-0.1', 12, /MLP mixing ratio "-0\.1"/],
    ['teacher', 0, /no length/],
    ['teacher:0', 8, /"0" is not a number of steps/],
    ['teacher:-3', 8, /"-3"/],
    ['teacher:1.5', 8, /"1\.5"/],
    ['teacher:99999999999999999999', 8, /too many/],
    ['student:10:0.5', 11, /always has mixing ratio 1/],
    ['mixed:5:0.5:0.5:1', 16, /too many parts/],
    ['teacher:10,,student:5', 11, /nothing between/],
  ] as const) {
    it(`refuses ${JSON.stringify(text)} and says where`, () => {
      const error = refused(text);
      assert.match(error.message, words);
      assert.equal(error.position, position);
      assert.ok(!error.message.includes('\n'));
    });
  }

  it('formats back to what it parsed (property)', () => {
    fc.assert(
      fc.property(curricula, (curriculum) => {
        assert.deepEqual(parseCurriculum(formatCurriculum(curriculum)), curriculum);
      }),
    );
  });

  it('never does anything but parse or throw CurriculumError (property)', () => {
    const pieces = fc.array(fc.constantFrom('teacher', 'mixed', 'student', ':', ',', '0.5', '10', ' ', '-', 'e', '١'));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((list) => list.join('')),
        ),
        (text) => {
          try {
            const { stages } = parseCurriculum(text);
            assert.ok(stages.length > 0);
          } catch (error) {
            assert.ok(error instanceof CurriculumError);
            assert.ok(error.position !== null && error.position >= 0 && error.position <= text.length);
          }
        },
      ),
    );
  });

  it('puts every step in exactly the stage whose range holds it (property)', () => {
    fc.assert(
      fc.property(curricula, fc.nat({ max: 7_000_000 }), (curriculum, step) => {
        const { stage, index } = stageAt(curriculum, step);
        const last = index === curriculum.stages.length - 1;
        assert.ok(stage.from <= step && (step < stage.until || last));
      }),
    );
  });

  it('reads a stored schedule; a student ratio of 0 from another trainer becomes 1', () => {
    const stored = [
      { name: 'teacher', until_step: 20000, mixing_ratio: 0 },
      { name: 'mixed', until_step: 50000, mixing_ratio: 0.5 },
      new Map<string, unknown>([
        ['name', 'student'],
        ['until_step', 90000n],
        ['mixing_ratio', 0],
      ]),
    ];
    assert.deepEqual(curriculumFromSchedule(stored), parseCurriculum(GUIDE));
  });

  for (const [schedule, words] of [
    [null, /not a list/],
    [[], /not a list/],
    [[3], /stage 1: not a dictionary/],
    [[{ name: 'x' }], /"x" is not the name of a stage/],
    [[{ name: 'teacher', until_step: 0 }], /does not come after/],
    [[{ name: 'mixed', until_step: 5 }], /mixing_ratio \(missing\)/],
    [[{ name: 'mixed', until_step: 5, mixing_ratio: 0.5, mlp_mixing_ratio: 'a' }], /mlp_mixing_ratio "a"/],
  ] as const) {
    it(`refuses the schedule ${JSON.stringify(schedule)}`, () => {
      assert.throws(
        () => curriculumFromSchedule(schedule),
        (error) => error instanceof CurriculumError && words.test(error.message),
      );
    });
  }

  it('says absolute ranges to people', () => {
    assert.equal(
      describeCurriculum(parseCurriculum('teacher:10,mixed:5:0.5:0.25,student:5')),
      'teacher 0–10, mixed 10–15 (ratio 0.5, MLP ratio 0.25), student 15–20 and on',
    );
  });

  it('knows when two curricula agree from a step on', () => {
    const a = parseCurriculum(GUIDE);
    assert.ok(sameFrom(a, parseCurriculum('student:9'), 60000));
    assert.ok(!sameFrom(a, parseCurriculum('student:9'), 40000));
    assert.ok(!sameFrom(a, parseCurriculum('mixed:50000:0.5,student:40000'), 10000));
    assert.ok(sameFrom(a, parseCurriculum('mixed:50000:0.5,student:40000'), 20000));
  });
});
