/** The settings `npt.alerts.*`. */
import { readThresholds, type AlertThresholds } from '../../core/metrics/alerts/thresholds';
import { settings } from '../../platform/settings';

export function alertThresholds(): AlertThresholds {
  return readThresholds(settings.alert);
}
