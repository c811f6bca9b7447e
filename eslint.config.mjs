import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import { importRules } from './tools/lint/imports.mjs';
import { fileNameRules } from './tools/lint/fileNames.mjs';
import { textDoorRules } from './tools/lint/textDoor.mjs';
import { withoutVscodeRules } from './tools/lint/withoutVscode.mjs';

export default tseslint.config(
  { ignores: ['dist/', 'out/', 'node_modules/', 'test-results/', '.vscode-test/', 'trainer/', 'supervisor/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './webview/tsconfig.json', './test/page/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname ?? new URL('.', import.meta.url).pathname,
      },
    },
    rules: {
      // Numbers in a message read better without String(): they are what most of our messages are made of.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  // Declarations of our scripts: types alone, which the compiler checks.
  { files: ['**/*.d.mts'], languageOptions: { parser: tseslint.parser }, rules: { 'no-unused-vars': 'off' } },
  ...importRules,
  ...textDoorRules,
  ...withoutVscodeRules,
  ...fileNameRules,
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-console': 'off',
      // node:test-style assertion callbacks and fixtures read better with these.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: 'module',
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'URL',
          'URLSearchParams',
          'fetch',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'Buffer',
          'AbortSignal',
          'AbortController',
          'performance',
          'structuredClone',
          'window',
          'document',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);
