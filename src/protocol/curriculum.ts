/** A curriculum's stages in messages. */
import type { Stage } from '../core/curriculum/curriculum';
import { nullable, number, object, word } from './shape';

export const stage = object<Stage>({
  name: word('teacher', 'mixed', 'student'),
  from: number(),
  until: number(),
  mixingRatio: number(),
  mlpMixingRatio: nullable(number()),
});
