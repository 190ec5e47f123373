/**
 * Users who left are taken out of the live model's stored bytes, soon after they left and after each publish: a run that began before may still have known them. Replicas have dropped them from
 * memory already (`serving/`). The bytes change in one transaction with their checksum, and only where they are still those that were read.
 */
import { decodeUserSide, encodeUserSide } from '../model/snapshot.ts';
import { rowsOfUsers, withoutUsers } from '../model/without-users.ts';
import type { Database } from '../storage/database.ts';
import { listGoneUsers } from '../storage/erasures.ts';
import { listUserParts, loadModelPart, replaceUserPart } from '../storage/models.ts';
import { type PacedWork, createPacedWork } from '../storage/paced-work.ts';

/** Noted where somebody left, or another model is live: looked at in a moment, several at once. */
export type Redaction = PacedWork;

const DELAY_MS = 5_000;

/**
 * Live and candidate versions alike.
 *
 * @param looked what was looked at before, by version: bytes without anybody who left are not read again until somebody leaves
 * @returns how many users were taken out
 */
export async function redactModels(database: Database, looked = new Map<number, string>()): Promise<number> {
  let taken = 0;
  for (const { version, createdAt, sha256 } of await listUserParts(database)) {
    const gone = await listGoneUsers(database, createdAt);
    const state = `${gone.length} ${gone.reduce((sum, no) => sum + no, 0)}`;
    if (gone.length === 0 || looked.get(version) === state) {
      continue;
    }
    const side = decodeUserSide(await loadModelPart(database, version, 'user'));
    const rows = rowsOfUsers(side.userNos, gone);
    if (rows.length === 0) {
      looked.set(version, state);
    } else if (await replaceUserPart(database, version, sha256, encodeUserSide(withoutUsers(side, rows)))) {
      looked.set(version, state);
      taken += rows.length;
    }
  }
  return taken;
}

export function createRedaction(database: Database, log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void, delayMs = DELAY_MS): Redaction {
  const looked = new Map<number, string>();
  return createPacedWork(async () => {
    try {
      const users = await redactModels(database, looked);
      if (users > 0) {
        log('users who left were taken out of the stored model', { users });
      }
    } catch (error) {
      log('could not look whether users who left are in the stored model; it is looked again', { reason: String(error) }, true);
    }
  }, () => delayMs);
}
