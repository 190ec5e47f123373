/** A step that somebody takes, and what it was refused with: shown beside the field that is wrong where there is one. */
import { useState } from './lib/preact.js';

/** @returns {{ error: import('./api.js').Refusal | null, isBusy: boolean, attempt: (work: () => Promise<void>) => Promise<boolean>, forget: () => void }} `attempt` tells whether it went well */
export function useAttempt() {
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const attempt = async (work) => {
    setError(null);
    setBusy(true);
    try {
      await work();
      return true;
    } catch (refusal) {
      setError(refusal);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { error, isBusy, attempt, forget: () => setError(null) };
}

const faultsOf = (error) => (error === null || error === undefined ? [] : (error.more?.errors ?? (error.field === null ? [] : [{ field: error.field, message: error.detail }])));

/** What is wrong with a field, and with what lies in it where `within`. @returns {string | null} */
export function wrongOf(error, field, within = false) {
  const found = faultsOf(error).filter((fault) => fault.field === field || (within && fault.field.startsWith(`${field}.`)));
  // What stands beside its field need not name it.
  return found.length === 0 ? null : found.map((fault) => (fault.message.startsWith(`${fault.field}: `) ? fault.message.slice(fault.field.length + 2) : fault.message)).join(' ');
}

/** The refusal where a form has no field to show it beside. @param fields names, and beginnings of names */
export function unplaced(error, fields) {
  const faults = faultsOf(error);
  const isPlaced = faults.length > 0 && faults.every(({ field }) => fields.some((one) => field === one || field.startsWith(`${one}.`)));
  return isPlaced ? null : error;
}
