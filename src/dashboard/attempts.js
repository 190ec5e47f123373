/** What somebody sets off on a page: under way, and what it was refused with. */
import { useState } from './lib/preact.js';

/** @returns {[error: import('./api.js').Refusal | null, attempt: (work: () => Promise<unknown>) => Promise<void>, isBusy: boolean]} `attempt` runs work and keeps what it was refused with */
export function useAttempt() {
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const attempt = async (work) => {
    setError(null);
    setBusy(true);
    try {
      await work();
    } catch (refusal) {
      setError(refusal);
    } finally {
      setBusy(false);
    }
  };
  return [error, attempt, isBusy];
}
