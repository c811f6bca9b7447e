/** Settings of the demo's VS Code: no questions that are not about the demo, and the interpreter that has PyTorch. */
export const DEMO_SETTINGS = {
  'security.workspace.trust.enabled': false,
  'workbench.startupEditor': 'none',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.ignoreRecommendations': true,
};

/** @param {string} python */
export function interpreterSettings(python) {
  return { 'npt.pythonPath': python };
}
