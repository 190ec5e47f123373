/**
 * Training runs as server-sent events. Any process can tell of any run, since it reads the run's row: one reader a run, twice a second, however many follow it.
 *
 * A follower gets what there is so far, then what is new, then `end`. One that reads too slowly misses progress in between, never a point: it is told the latest when it
 * has caught up. Points are as many as the run has, so what waits for a slow reader is bounded too.
 */
import { Readable } from 'node:stream';
import type { Database } from '../storage/database.ts';
import { type RunProgress, findProgress } from '../storage/training-runs.ts';

export interface ProgressFeed {
  /** The stream of a run that exists; null where too many are followed already. @param mayGoOn asked with every look at the run: a stream ends with the key it was opened with */
  follow(runNo: number, mayGoOn: () => boolean): Readable | null;
  /** Ends all streams, without `end`: whoever follows may connect elsewhere. */
  stop(): void;
}

interface Follower {
  readonly stream: Readable;
  readonly mayGoOn: () => boolean;
  /** What it was told: as text the last progress, points and trials by number. */
  told: string;
  points: number;
  trials: number;
}

interface Followed {
  readonly followers: Set<Follower>;
  timer: NodeJS.Timeout | null;
  reading: boolean;
}

const READ_MS = 500;
const HEARTBEAT_MS = 15_000;
export const MAX_FOLLOWERS = 100;

function event(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

export function createProgressFeed(database: Database, onError: (error: unknown) => void): ProgressFeed {
  const runs = new Map<number, Followed>();
  let followers = 0;
  let stopped = false;
  let heartbeat: NodeJS.Timeout | null = null;

  function tell(follower: Follower, now: RunProgress): void {
    const { stream } = follower;
    const ended = now.state !== 'running';
    const progress = event('progress', { phase: now.phase, progress: now.progress, secondsLeft: now.secondsLeft });
    const keepsUp = stream.readableLength < stream.readableHighWaterMark;
    if (progress !== follower.told && keepsUp && !ended) {
      follower.told = progress;
      stream.push(progress);
    }
    const { trials = [], points = [] } = now.detail ?? {};
    for (; follower.trials < trials.length; follower.trials++) {
      stream.push(event('point', { kind: 'trial', index: follower.trials, ...trials[follower.trials] }));
    }
    for (; follower.points < points.length; follower.points++) {
      stream.push(event('point', { kind: 'point', index: follower.points, ...points[follower.points] }));
    }
    if (ended) {
      stream.push(event('end', { state: now.state, version: now.version, code: now.code, message: now.message }));
      stream.push(null);
    }
  }

  async function read(runNo: number, followed: Followed): Promise<void> {
    if (followed.reading) {
      return;
    }
    followed.reading = true;
    try {
      const now = await findProgress(database, runNo);
      for (const follower of followed.followers) {
        if (now === null || !follower.mayGoOn()) {
          follower.stream.push(null);
        } else {
          tell(follower, now);
        }
      }
      if (now?.state !== 'running') {
        forget(runNo, followed);
      }
    } catch (error) {
      // Postgres is away: the followers wait, their heartbeat goes on.
      onError(error);
    } finally {
      followed.reading = false;
    }
  }

  function forget(runNo: number, followed: Followed): void {
    followers -= followed.followers.size;
    followed.followers.clear();
    if (followed.timer !== null) {
      clearInterval(followed.timer);
      followed.timer = null;
    }
    runs.delete(runNo);
    if (followers === 0 && heartbeat !== null) {
      clearInterval(heartbeat);
      heartbeat = null;
    }
  }

  function beat(): void {
    for (const { followers: all } of runs.values()) {
      for (const { stream } of all) {
        if (stream.readableLength === 0) {
          stream.push(': still here\n\n');
        }
      }
    }
  }

  return {
    follow(runNo, mayGoOn) {
      if (stopped || followers >= MAX_FOLLOWERS) {
        return null;
      }
      const followed = runs.get(runNo) ?? { followers: new Set<Follower>(), timer: null, reading: false };
      runs.set(runNo, followed);
      const follower: Follower = {
        told: '', points: 0, trials: 0, mayGoOn,
        stream: new Readable({
          read: () => undefined,
          destroy(error, done) {
            if (followed.followers.delete(follower)) {
              followers--;
              if (followed.followers.size === 0) {
                forget(runNo, followed);
              }
            }
            done(error);
          },
        }),
      };
      followed.followers.add(follower);
      followers++;
      followed.timer ??= setInterval(() => void read(runNo, followed), READ_MS);
      heartbeat ??= setInterval(beat, HEARTBEAT_MS);
      void read(runNo, followed);
      return follower.stream;
    },
    stop() {
      stopped = true;
      for (const [runNo, followed] of runs) {
        const streams = [...followed.followers].map(({ stream }) => stream);
        forget(runNo, followed);
        streams.forEach((stream) => stream.push(null));
      }
    },
  };
}
