/** This machine in the names of leftovers, as the trainer writes it, so that its next start can finish what was cut short. */
import { thisHost } from './thisHost';

export function hostInNames(): string {
  return thisHost().name.replaceAll('/', '_') || 'localhost';
}
