/**
 * What must end with this process: child processes, servers, lock files. Each is registered while it lives, and ended in
 * reverse order when the process is told to stop, so that Ctrl+C or a `kill` in the middle of anything leaves nothing behind.
 */

/** @type {Set<() => void | Promise<void>>} */
const endings = new Set();
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };
let watching = false;
let stopping = false;

async function endAll() {
  for (const end of [...endings].reverse()) {
    endings.delete(end);
    try {
      await end();
    } catch (error) {
      console.error(`Ending failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function watchSignals() {
  if (watching) return;
  watching = true;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      // A child that ignores its signal must not keep us: ten seconds are enough for a training run's last checkpoint here.
      setTimeout(() => process.exit(128 + number), 10_000).unref();
      void endAll().then(() => process.exit(128 + number));
    });
  }
}

/** True once a signal has arrived: loops stop starting new work. */
export function isStopping() {
  return stopping;
}

/**
 * Registers something to end. Returns a function that takes it off the list again, for what ended by itself.
 * @param {() => void | Promise<void>} end
 * @returns {() => void}
 */
export function endWithProcess(end) {
  watchSignals();
  endings.add(end);
  return () => endings.delete(end);
}

/**
 * Sends a signal to a whole process group that was started detached; false when it is gone already.
 * @param {number} pid the group's leader
 * @param {NodeJS.Signals} signal
 */
export function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if (error.code === 'ESRCH' || error.code === 'EPERM') return false;
    throw error;
  }
}
