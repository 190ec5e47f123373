/**
 * How the process ends: whatever was started registers how it stops, and is stopped in reverse order, each step within its limit.
 *
 * The first SIGTERM or SIGINT starts it; a second one ends the process at once. Under `npm start` one Ctrl-C arrives twice (from the terminal, and passed on by npm), so what follows
 * the first within `SAME_SIGNAL_MS` is the same wish, not a second one.
 *
 * What nobody caught, an exception or a rejection, leaves the process in a state that nobody knows: it is logged as fatal and ends the process with code 1, in the same order, for whoever watches over it to
 * start it again.
 */
import type { Logger } from 'pino';

export interface Shutdown {
  /** Registers a step; `limitMs` is how long it may take before the next begins. */
  onStop(name: string, limitMs: number, step: () => Promise<void> | void): void;
  /** Stops everything, then ends the process. */
  stop(reason: string, exitCode: number): Promise<never>;
  isStopping(): boolean;
  /** Stops what was registered so far and goes on: what comes next begins anew. */
  unwind(): Promise<void>;
}

const SAME_SIGNAL_MS = 1_000;
/** After a fault that nobody caught. */
const FAULT_LIMIT_MS = 10_000;

export function createShutdown(logger: Logger): Shutdown {
  const steps: { name: string; limitMs: number; step: () => Promise<void> | void }[] = [];
  let stoppingSince = 0;

  async function runStep({ name, limitMs, step }: (typeof steps)[number]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(resolve, limitMs, 'late');
      });
      if ((await Promise.race([Promise.resolve().then(step), late])) === 'late') {
        logger.warn({ step: name, limitMs }, 'a step of stopping took too long; going on');
      }
    } catch (error) {
      logger.error({ err: error, step: name }, 'a step of stopping failed; going on');
    } finally {
      clearTimeout(timer);
    }
  }

  async function unwind(): Promise<void> {
    for (const step of steps.splice(0).reverse()) {
      await runStep(step);
    }
  }

  async function stop(reason: string, exitCode: number): Promise<never> {
    if (stoppingSince === 0) {
      stoppingSince = performance.now();
      logger.info({ reason }, 'stopping');
      await unwind();
      logger.info({ ms: Math.round(performance.now() - stoppingSince) }, 'stopped');
      logger.flush();
      process.exit(exitCode);
    }
    return await new Promise<never>(() => undefined);
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stoppingSince !== 0 && performance.now() - stoppingSince > SAME_SIGNAL_MS) {
        logger.warn({ signal }, 'a second signal: ending at once');
        process.exit(1);
      }
      void stop(signal, 0);
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (fault: unknown) => {
      logger.fatal({ err: fault instanceof Error ? fault : new Error(String(fault)), event }, 'a fault that nobody caught: the process ends, to be started again');
      // A second one on the way out changes nothing; what hangs is not waited for.
      setTimeout(() => process.exit(1), FAULT_LIMIT_MS).unref();
      void stop('a fault that nobody caught', 1);
    });
  }
  return { onStop: (name, limitMs, step) => void steps.push({ name, limitMs, step }), stop, isStopping: () => stoppingSince !== 0, unwind };
}
