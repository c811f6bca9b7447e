/** The licences of what ships inside the package: most ask that their text travels with their code. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Names of the npm packages that a bundle's inputs come from.
 * @param {readonly string[]} inputs paths as esbuild's metafile names them
 * @returns {string[]} sorted, each once
 */
export function packagesOf(inputs) {
  const names = inputs.flatMap((input) => {
    const inside = input.split('node_modules/').at(-1);
    if (inside === undefined || inside === input) return [];
    return [
      inside
        .split('/')
        .slice(0, inside.startsWith('@') ? 2 : 1)
        .join('/'),
    ];
  });
  return [...new Set(names)].sort();
}

/**
 * One text: each package's name, version, licence and licence text; where a package ships none, where its source is.
 * @param {string} folder node_modules
 * @param {readonly string[]} packages
 */
export function notices(folder, packages) {
  const sections = [...new Set(packages)].sort().map((name) => {
    const about = JSON.parse(readFileSync(path.join(folder, name, 'package.json'), 'utf8'));
    const file = readdirSync(path.join(folder, name)).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry));
    const source = typeof about.repository === 'string' ? about.repository : (about.repository?.url ?? about.homepage);
    const text =
      file === undefined
        ? `The package carries no licence text; its source is ${source ?? 'on npm'}.`
        : readFileSync(path.join(folder, name, file), 'utf8').trim();
    return `${name} ${about.version} (${about.license ?? 'licence unnamed'})\n\n${text}\n`;
  });
  return `This package contains code of the following projects.\n\n${sections.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
