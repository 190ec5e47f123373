/** An answer never waits long for Postgres: what does not come in time does without. */

/** How long an answer waits for what it reads. */
export const LOAD_TIMEOUT_MS = 50;

/** @returns what the work gives, or null where that takes longer; the work goes on. Its faults are the caller's, in time or not */
export async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, null);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
