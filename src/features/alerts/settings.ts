/** The settings `npt.alerts.*` and `npt.notifications`. */
import { readThresholds, type AlertThresholds } from '../../core/metrics/alerts/thresholds';
import { settings } from '../../platform/settings';

/** Whether `npt.notifications` wants this told. @param isError it ends or spoils a run */
export function isWanted(isError: boolean): boolean {
  const which = settings.notifications();
  return which === 'all' || (which === 'errors' && isError);
}

export function alertThresholds(): AlertThresholds {
  return readThresholds(settings.alert);
}
