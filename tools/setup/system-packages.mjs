/** Programs that only the operating system can provide: found, installed on Debian and Ubuntu, named elsewhere. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { findChromium } from './chromium.mjs';
import { ask, onPath, runLogged } from './command.mjs';
import { SetupError } from './failure.mjs';
import { step } from './progress.mjs';
import { findPython } from './python-venv.mjs';

function hasFonts() {
  if (process.platform !== 'linux') return true;
  const search = (folder, depth) =>
    existsSync(folder) &&
    readdirSync(folder, { withFileTypes: true }).some((entry) =>
      entry.isDirectory()
        ? depth > 0 && search(path.join(folder, entry.name), depth - 1)
        : /\.(ttf|otf|ttc)$/.test(entry.name),
    );
  return search('/usr/share/fonts', 3) || search('/usr/local/share/fonts', 3);
}

const hasApt = () => ask('apt-get', ['--version']) !== null;

/** Ubuntu's chromium package is a stub for a snap, and other systems have none that we install: see chromium.mjs. */
function hasChromiumPackage() {
  if (!hasApt()) return false;
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return !/^ID="?ubuntu"?$/m.test(release);
}

/** What can be asked for: how to see that it is there, its Debian packages, its name for a person. */
const NEEDS = {
  python: {
    name: 'Python 3.10 or newer with venv',
    packages: ['python3', 'python3-venv'],
    present: () => findPython() !== undefined,
  },
  compiler: {
    name: 'a C++ compiler and make',
    packages: ['g++', 'make', 'python3'],
    present: () =>
      ask('g++', ['--version']) !== null &&
      ask('make', ['--version']) !== null &&
      ask('python3', ['--version']) !== null,
  },
  slurm: {
    name: 'Slurm (slurmctld, slurmd, munged)',
    packages: ['slurm-wlm', 'munge'],
    // Administrators' programs, which are not on everybody's PATH.
    present: () =>
      ['slurmctld', 'slurmd', 'munged'].every((name) => onPath(name, ['/usr/sbin', '/sbin']) !== undefined),
  },
  fonts: { name: 'fonts', packages: ['fonts-dejavu-core'], present: hasFonts },
  chromium: {
    name: 'Chromium',
    packages: hasChromiumPackage() ? ['chromium'] : [],
    present: () => !hasChromiumPackage() || findChromium() !== undefined,
  },
};

/**
 * Sees to it that the system has what is needed; installs Debian packages as root or with a sudo that asks nothing.
 * @param {(keyof typeof NEEDS)[]} needs
 * @throws {SetupError} naming in one line what is missing and how to get it
 */
export async function ensureSystem(needs) {
  const missing = () => needs.map((need) => NEEDS[need]).filter((need) => !need.present());
  const absent = missing();
  if (absent.length === 0) return;
  const names = (list) => list.map((need) => need.name).join(', ');
  const packages = [...new Set(absent.flatMap((need) => need.packages))];
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  if (!hasApt()) throw new SetupError(`Missing on this system: ${names(absent)}. Install it, then run this again.`);
  const root = process.getuid?.() === 0;
  if (!root && ask('sudo', ['-n', 'true']) === null) {
    throw new SetupError(
      `Missing on this system: ${names(absent)}. Run \`sudo ${install.join(' ')}\`, then this again.`,
    );
  }
  await step('System packages', `apt-get install ${packages.join(' ')} (up to a minute)`, async (report) => {
    const asRoot = (command) => (root ? command : ['sudo', '-n', ...command]);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const patient = ['-o', 'DPkg::Lock::Timeout=300'];
    await runLogged('apt-get update', asRoot(['apt-get', ...patient, 'update']), { env, report });
    await runLogged('apt-get install', asRoot([...install.slice(0, 1), ...patient, ...install.slice(1)]), {
      env,
      report,
    });
  });
  const still = missing();
  if (still.length > 0)
    throw new SetupError(
      `Still missing after installing ${packages.join(', ')}: ${names(still)}. Install it by hand, then run this again.`,
    );
}
