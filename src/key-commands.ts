/** `jongleur keys` and `jongleur token-secrets`: what opens doors, and what shops sign shopper tokens with. */
import type { Command } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { Config } from './config.ts';
import type { House } from './house.ts';
import { createTokenSecret } from './http/shopper-tokens.ts';
import { type Role, insertKey, listKeys, revokeKey } from './storage/api-keys.ts';
import { KEY_VARIABLE, ROLES, createFirstKeys, createKey, keyFileOf, readKeyFile } from './storage/first-keys.ts';
import { MAX_TOKEN_SECRETS, deleteTokenSecret, insertTokenSecret, listTokenSecrets } from './storage/token-secrets.ts';

interface Surroundings {
  withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void>;
  readConfig(): Config;
  /** Whether a person reads the output. */
  readonly terminal: boolean;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** @throws CommandFault */
function readRole(role: string): Role {
  if (!(ROLES as readonly string[]).includes(role)) {
    throw new CommandFault(`There is no role "${role}"; roles are ${ROLES.join(', ')}.`);
  }
  return role as Role;
}

const timeText = (time: Date | null): string => (time === null ? 'never' : `${time.toISOString().slice(0, 16)}Z`);

async function showFirstKeys(role: string | undefined, { withHouse, readConfig, terminal }: Surroundings): Promise<void> {
  const config = readConfig();
  const wanted = role === undefined ? ROLES : [readRole(role)];
  const read = async () => {
    const file = await readKeyFile(config.dataDir);
    return Object.fromEntries(ROLES.map((one) => [one, config.keys[one] ?? file[one]])) as Record<Role, string | undefined>;
  };
  let keys = await read();
  if (ROLES.every((one) => keys[one] === undefined)) {
    // Asked before the first start of the server: make them now.
    await withHouse(async ({ database }) => {
      await createFirstKeys(database, config.dataDir, []);
    });
    keys = await read();
  }
  if (wanted.every((one) => keys[one] === undefined)) {
    throw new CommandFault(`The clear text of the keys is not here: it was written to the DATA_DIR of the process that made them, once. Make new ones with "jongleur keys make ROLE", or set ${KEY_VARIABLE.admin}.`);
  }
  for (const one of wanted) {
    print(role === undefined ? `${one.padEnd(12)} ${keys[one] ?? '(not here)'}${config.keys[one] === null ? '' : ' (environment)'}` : (keys[one] ?? ''));
  }
  if (role === undefined && terminal) {
    print(`\nFrom ${keyFileOf(config.dataDir)}. publishable: for browsers (similar, trending, sessions; with a shopper token their own lists). secret: for your backend. admin: training, models, keys.`);
  }
}

export function addKeyCommands(program: Command, surroundings: Surroundings): void {
  const { withHouse } = surroundings;
  const keys = program
    .command('keys')
    .argument('[role]', 'secret, publishable or admin: print that key alone')
    .description('show the keys made at the first start; list, make and revoke others')
    .action(async (role?: string) => await showFirstKeys(role, surroundings));
  keys
    .command('list')
    .description('all keys without their secret part')
    .action(async () =>
      await withHouse(async ({ database }) => {
        for (const { keyNo, role, name, hint, lastUsedAt, revokedAt, refusedOrigin, refusedAt } of await listKeys(database)) {
          const warning = refusedOrigin === null ? '' : `  SENT BY A PAGE of ${refusedOrigin} ${timeText(refusedAt)}: revoke it`;
          print(`${String(keyNo).padEnd(5)}${role.padEnd(13)}${name.padEnd(24)} ${hint}…  used ${timeText(lastUsedAt)}${revokedAt === null ? warning : `  revoked ${timeText(revokedAt)}`}`);
        }
      }),
    );
  keys
    .command('make')
    .argument('<role>', ROLES.join(', '))
    .option('--name <name>', 'what it is for', 'made by command')
    .description('make one more key; several of a role are good at once, so one can be changed for another')
    .action(async (role: string, { name }: { name: string }) => {
      const wanted = readRole(role);
      await withHouse(async ({ database }) => {
        const { key, hint, sha256 } = createKey(wanted);
        print(`key ${(await insertKey(database, wanted, name, hint, sha256)).keyNo}: ${key}`);
      });
    });
  keys
    .command('revoke')
    .argument('<no>', 'its number in the list')
    .description('revoke a key, at every replica at once')
    .action(async (no: string) =>
      await withHouse(async ({ database }) => {
        if (!/^\d{1,9}$/.test(no) || !(await revokeKey(database, Number(no)))) {
          throw new CommandFault(`There is no live key ${no}; "jongleur keys list" shows them.`);
        }
        print(`Key ${no} opens nothing from now on.`);
      }),
    );

  const secrets = program.command('token-secrets').description('secrets that shops sign shopper tokens with; two at most');
  secrets
    .command('list', { isDefault: true })
    .description('which there are')
    .action(async () =>
      await withHouse(async ({ database }) => {
        for (const { kid, createdAt, lastUsedAt } of await listTokenSecrets(database)) {
          print(`${kid}  made ${timeText(createdAt)}  used ${timeText(lastUsedAt)}`);
        }
      }),
    );
  secrets
    .command('make')
    .description('make one; its kid and the secret are shown once')
    .action(async () =>
      await withHouse(async ({ database }) => {
        const { kid, secret } = createTokenSecret();
        if ((await insertTokenSecret(database, kid, secret)) === null) {
          throw new CommandFault(`There are ${MAX_TOKEN_SECRETS} secrets already; delete the one that is not used any more.`);
        }
        print(`${kid}: ${secret}`);
      }),
    );
  secrets
    .command('delete')
    .argument('<kid>', 'its kid in the list')
    .description('delete one; what was signed with it is good for nothing from then on')
    .action(async (kid: string) =>
      await withHouse(async ({ database }) => {
        if (!(await deleteTokenSecret(database, kid))) {
          throw new CommandFault(`There is no secret "${kid}"; "jongleur token-secrets" shows them.`);
        }
        print(`${kid} is deleted.`);
      }),
    );
}
