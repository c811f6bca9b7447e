/**
 * Keeps one Slurm cluster of this machine, in a folder of its own, for the process that forked it; with that process, however
 * it ends, the cluster goes: its daemons, its jobs and its folder.
 *
 * Two nodes, a partition that preempts another one's jobs by requeueing them, two GPUs a node that are none. No systemd, no
 * database, nothing outside of the folder and of five ports.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const folder = process.argv[2];
const conf = path.join(folder, 'slurm.conf');
const user = os.userInfo().username;
/** Of each node, whatever the machine has: jobs of a test train beside each other. */
const CPUS = 4;
const NODES = ['n1', 'n2'];
const KILL_WAIT_SECONDS = 15;

/** Ports that nobody has at this moment; all are held until all are found, so that they differ. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer();
      await new Promise((resolve, reject) => {
        server.once('error', reject).listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function writeConfiguration() {
  for (const name of ['munge', 'state', 'spool', 'log']) mkdirSync(path.join(folder, name), { recursive: true });
  // munged refuses a socket's folder that others may write to.
  for (const name of ['', 'munge', 'spool', 'log']) chmodSync(path.join(folder, name), 0o755);
  writeFileSync(path.join(folder, 'munge/key'), randomBytes(1024), { mode: 0o600 });
  writeFileSync(path.join(folder, 'cgroup.conf'), 'CgroupPlugin=cgroup/v1\n');
  // Slurm asks for a device's file; these two are everywhere, and nobody opens them.
  writeFileSync(
    path.join(folder, 'gres.conf'),
    ['/dev/null', '/dev/zero'].map((file) => `Name=gpu Type=fake File=${file} Flags=nvidia_gpu_env\n`).join(''),
  );
  const host = os.hostname().split('.')[0];
  const [controller, ...ports] = await freePorts(1 + NODES.length);
  const lines = [
    ['ClusterName', 'npt-test'],
    ['SlurmctldHost', `${host}(127.0.0.1)`],
    ['SlurmUser', user],
    ['SlurmdUser', user],
    ['AuthType', 'auth/munge'],
    ['AuthInfo', `socket=${folder}/munge/socket`],
    ['CredType', 'cred/munge'],
    ['SlurmctldPort', controller],
    ['SlurmctldPidFile', `${folder}/slurmctld.pid`],
    ['SlurmdPidFile', `${folder}/slurmd-%n.pid`],
    ['StateSaveLocation', `${folder}/state`],
    ['SlurmdSpoolDir', `${folder}/spool/%n`],
    ['SlurmctldLogFile', `${folder}/log/slurmctld.log`],
    ['SlurmdLogFile', `${folder}/log/slurmd-%n.log`],
    ['SlurmdParameters', 'config_overrides'],
    ['ProctrackType', 'proctrack/linuxproc'],
    ['TaskPlugin', 'task/none'],
    ['JobAcctGatherType', 'jobacct_gather/none'],
    ['SelectType', 'select/cons_tres'],
    ['SelectTypeParameters', 'CR_Core'],
    ['SchedulerType', 'sched/backfill'],
    ['SchedulerParameters', 'batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=100000'],
    ['SwitchType', 'switch/none'],
    ['MpiDefault', 'none'],
    ['AccountingStorageType', 'accounting_storage/none'],
    ['JobCompType', 'jobcomp/none'],
    ['ReturnToService', 2],
    ['MailProg', '/bin/true'],
    ['KillWait', KILL_WAIT_SECONDS],
    // Jobs meet at a port that goes by their number: those of two clusters on one machine must not.
    ['FirstJobId', 1 + (process.pid % 11_000)],
    ['MinJobAge', 600],
    ['MessageTimeout', 5],
    ['GresTypes', 'gpu'],
    ['PreemptMode', 'REQUEUE'],
    ['PreemptType', 'preempt/partition_prio'],
  ].map(([name, value]) => `${name}=${value}`);
  const nodes = NODES.map(
    (name, i) =>
      `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=${CPUS} RealMemory=4096 Gres=gpu:fake:2`,
  );
  writeFileSync(
    conf,
    [
      ...lines,
      ...nodes,
      `PartitionName=main Nodes=${NODES.join(',')} Default=YES MaxTime=INFINITE State=UP PriorityTier=1`,
      `PartitionName=urgent Nodes=${NODES.join(',')} MaxTime=INFINITE State=UP PriorityTier=10`,
      '',
    ].join('\n'),
  );
}

// The daemons are administrators' programs, which are not on everybody's PATH.
const environment = { ...process.env, SLURM_CONF: conf, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
/** @type {Map<string, import('node:child_process').ChildProcess>} */
const daemons = new Map();
let errors = '';

function start(name, program, ...words) {
  const child = spawn(program, words, { env: environment, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  child.stderr.on('data', (text) => (errors = (errors + text).slice(-4000)));
  child.once('error', (error) => (errors += `${program} cannot be started (${error.message})\n`));
  daemons.set(name, child);
}

const startController = () => start('slurmctld', 'slurmctld', '-D');

/** Ends a daemon and resolves when it is gone. */
async function stop(name) {
  const child = daemons.get(name);
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

/** Processes of this cluster: every daemon, job and step has its configuration in its environment. */
function ours() {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid || Number(name) === process.ppid) return [];
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(`SLURM_CONF=${conf}`)
        ? [Number(name)]
        : [];
    } catch {
      return []; // Gone, or somebody else's.
    }
  });
}

let ending = false;
async function end() {
  if (ending) return;
  ending = true;
  // Until none is left: a step that is being started has no environment of ours yet.
  for (let quiet = 0; quiet < 3;) {
    const left = ours();
    quiet = left.length === 0 ? quiet + 1 : 0;
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended in this moment.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  process.exit(0);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end());
process.on('disconnect', () => void end());
process.on('message', (asked) => {
  void (async () => {
    if (asked === 'stop-controller') await stop('slurmctld');
    else if (asked === 'start-controller') startController();
    if (asked === 'errors') process.send?.({ errors });
    else process.send?.({ done: asked });
  })();
});

await writeConfiguration();
start(
  'munged',
  'munged',
  '--foreground',
  '--force',
  `--socket=${folder}/munge/socket`,
  `--key-file=${folder}/munge/key`,
  `--log-file=${folder}/log/munged.log`,
  `--pid-file=${folder}/munge/pid`,
  `--seed-file=${folder}/munge/seed`,
  '--num-threads=2',
);
startController();
for (const node of NODES) start(node, 'slurmd', '-D', '-N', node);
process.send?.({ conf });
