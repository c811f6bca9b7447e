/**
 * What the levels above "structure" need: reading data, running the components. Loaded when such a level is asked for, since
 * a plan, which asks for the structure alone, need not wait for it.
 */
export { checkData } from './dataChecks';
export { checkNumbers } from './numberChecks';
export { checkAgainstEarlier, readEarlier } from './earlierChecks';
export { runForward } from './forwardChecks';
export { SecondReader } from '../data/secondReader';
