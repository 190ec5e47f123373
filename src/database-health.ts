/** Whether Postgres is there, as far as this process knows, and why not; an embedded one that has ended is started again. */
import type { Ground } from './house.ts';
import type { Logger } from './logger.ts';
import { EmbeddedPostgresError } from './storage/embedded/errors.ts';

export interface DatabaseHealth {
  isUp(): boolean;
  /** It is away because its disk is full. */
  isFull(): boolean;
  /** @returns whether it was away */
  noteAnswer(): boolean;
  noteAway(error: unknown): void;
  /** Resolves when nothing is being started. */
  settle(): Promise<void>;
}

export function createDatabaseHealth(house: Pick<Ground, 'revive'>, isUpNow: boolean, logger: Logger, isStopping: () => boolean): DatabaseHealth {
  let isUp = isUpNow;
  let isFull = false;
  let reviving: Promise<boolean> | null = null;
  let toldOfRevival = false;

  /** The embedded Postgres ends for good where its disk is full: tried again with every look, and told of once. */
  async function revive(): Promise<void> {
    if (reviving !== null || isStopping()) {
      return;
    }
    reviving = house.revive();
    try {
      if (await reviving) {
        logger.info('the embedded Postgres had ended and was started again');
        toldOfRevival = false;
      }
    } catch (error) {
      isFull = error instanceof EmbeddedPostgresError && error.code === 'embedded-disk-full';
      if (!toldOfRevival) {
        logger.error({ reason: String(error) }, 'the embedded Postgres has ended and cannot be started; trying again');
      }
      toldOfRevival = true;
    } finally {
      reviving = null;
    }
  }

  return {
    isUp: () => isUp,
    isFull: () => isFull,
    noteAnswer() {
      if (isUp) {
        return false;
      }
      logger.info('Postgres is back');
      isUp = true;
      isFull = false;
      return true;
    },
    noteAway(error) {
      if (isUp) {
        logger.error({ reason: String(error) }, 'Postgres is away; answering from memory');
      }
      isUp = false;
      void revive();
    },
    async settle() {
      await reviving?.catch(() => undefined);
    },
  };
}
