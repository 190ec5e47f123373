/**
 * Users who left are taken out of the live model's stored bytes, soon after they left and after each publish: a run that began before may still have known them. Replicas have dropped them from
 * memory already (`serving/`). The bytes change in one transaction with their checksum, and only where they are still those that were read.
 */
import { rowsOfUsers } from '../model/without-users.ts';
import type { Database } from '../storage/database.ts';
import { listGoneUsers } from '../storage/erasures.ts';
import { listUserParts, loadModelPart } from '../storage/model-parts.ts';
import { replaceUserPart } from '../storage/models.ts';
import { type PacedWork, createPacedWork } from '../storage/paced-work.ts';
import { takeOutInThread } from './threads/take-out.ts';

/** Noted where somebody left, or another model is live: looked at in a moment, several at once. */
export type Redaction = PacedWork;

const DELAY_MS = 5_000;
/** At a large shop whose guests log in all the time, at most a twentieth of the time goes by with this. */
const PAUSE_OF_WORK = 20;

/** Who is in the user part of a version, as far as it still has these bytes. */
interface Known {
  readonly sha256: Buffer;
  readonly userNos: Int32Array;
}

/**
 * Live and candidate versions alike.
 *
 * @param known who was found in them before, by version, and is now: where nobody of those left (most guests who log in are newer than the model), no bytes are read
 * @returns how many users were taken out
 * @throws the signal's reason
 */
export async function redactModels(database: Database, known = new Map<number, Known>(), signal?: AbortSignal): Promise<number> {
  let taken = 0;
  const parts = await listUserParts(database);
  for (const version of [...known.keys()].filter((one) => !parts.some((part) => part.version === one))) {
    known.delete(version);
  }
  for (const { version, createdAt, sha256 } of parts) {
    signal?.throwIfAborted();
    const gone = await listGoneUsers(database, createdAt);
    const before = known.get(version);
    if (gone.length === 0 || (before?.sha256.equals(sha256) === true && rowsOfUsers(before.userNos, gone).length === 0)) {
      continue;
    }
    const { userNos, users, bytes } = await takeOutInThread({ bytes: await loadModelPart(database, version, 'user'), gone }, signal);
    if (bytes === null) {
      known.set(version, { sha256, userNos });
      continue;
    }
    const replaced = await replaceUserPart(database, version, sha256, bytes);
    if (replaced !== null) {
      known.set(version, { sha256: replaced, userNos });
      taken += users;
    }
  }
  return taken;
}

export function createRedaction(database: Database, log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void, delayMs = DELAY_MS): Redaction {
  const known = new Map<number, Known>();
  const stopping = new AbortController();
  const paced = createPacedWork(async () => {
    try {
      const users = await redactModels(database, known, stopping.signal);
      if (users > 0) {
        log('users who left were taken out of the stored model', { users });
      }
    } catch (error) {
      if (!stopping.signal.aborted) {
        log('could not look whether users who left are in the stored model; it is looked again', { reason: String(error) }, true);
      }
    }
  }, (tookMs) => Math.max(delayMs, PAUSE_OF_WORK * tookMs));
  return {
    note: paced.note,
    async stop() {
      stopping.abort();
      await paced.stop();
    },
  };
}
