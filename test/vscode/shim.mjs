#!/usr/bin/env node
/**
 * Stands in for the VS Code executable where only package registries can be reached: give its path to
 * \@vscode/test-electron's runTests as `vscodeExecutablePath`.
 */
import 'tsx';

await import('./shim.ts');
