/** How this project calls npm: the one that runs us where there is one, with the user's own settings. */
import path from 'node:path';

/**
 * npm as a command line. With `node`, npm itself runs on that Node (and so do the builds that it starts).
 * @param {string} [node]
 * @returns {string[]}
 */
export function npmCommand(node = process.execPath) {
  const script = process.env.npm_execpath;
  return script !== undefined && path.basename(script) === 'npm-cli.js' ? [node, script] : ['npm'];
}

/**
 * The environment for an npm in another folder: `npm run` hands down variables about the package it was started in, which
 * would make the inner npm work there. The user's settings (registry, proxy, …) stay.
 * @param {NodeJS.ProcessEnv} [extra]
 */
export function npmEnvironment(extra = {}) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^npm_(package|lifecycle)_/.test(name) || /^npm_config_local_prefix$/i.test(name) || name === 'npm_command')
      delete env[name];
  }
  return { ...env, npm_config_update_notifier: 'false', ...extra };
}

/** Switches for quiet, complete installs whatever NODE_ENV says. */
export const NPM_QUIET = ['--no-audit', '--no-fund', '--loglevel=http'];
