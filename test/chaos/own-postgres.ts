/** A cluster of the harness' own, in a folder that it made: nothing else is ever killed. */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { startEmbeddedPostgres } from '../../src/storage/embedded/launcher.ts';
import { readPostmasterFile } from '../../src/storage/embedded/postmaster.ts';
import { isRunning } from '../../src/storage/embedded/processes.ts';
import { migrate } from '../../src/storage/migrations.ts';

const PREFIX = 'jongleur-chaos-';

export interface OwnPostgres {
  readonly url: string;
  /** DATA_DIR of the cluster. */
  readonly folder: string;
  /** Ends the postmaster: SIGKILL as the kernel does when memory runs out, SIGQUIT as an immediate stop. Resolves once it is gone. */
  kill(signal: 'SIGKILL' | 'SIGQUIT'): Promise<void>;
  /** Starts it again on its port. */
  revive(): Promise<void>;
  stop(): Promise<void>;
}

/** @param parent an empty folder to put it into, a small disk say; default: the machine's temporary folder */
export async function startOwnPostgres(parent?: string): Promise<OwnPostgres> {
  const folder = parent ?? (await mkdtemp(join(tmpdir(), PREFIX)));
  await chmod(folder, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: folder, fallbackDir: join(folder, 'stand-in'), log: () => undefined });
  await migrate(server.connectionString, () => undefined);
  const cluster = join(folder, 'postgres');

  /** The postmaster's pid, which must be the one whose cluster lies in our folder. */
  async function pidOfOurs(): Promise<number> {
    const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8')).split('\n');
    if (!folder.split(sep).some((part) => part.startsWith(PREFIX)) || lines[1] !== cluster) {
      throw new Error(`${cluster} is not the harness' own: its postmaster runs on ${lines[1]}`);
    }
    return Number(lines[0]);
  }

  return {
    url: server.connectionString, folder,
    async kill(signal) {
      const pid = await pidOfOurs();
      process.kill(pid, signal);
      while (isRunning(pid)) {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
    async revive() {
      await server.revive();
      if ((await readPostmasterFile(cluster))?.port !== server.port) {
        throw new Error('Postgres came back on another port');
      }
    },
    async stop() {
      await server.release();
      if (parent === undefined) {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
