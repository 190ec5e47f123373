/** What a person at the terminal wants to know once the service is ready. Keys themselves are shown on a terminal only, never in a log. */
import type { Config } from './config.ts';
import { KEY_VARIABLE, keyFileOf, readKeyFile } from './storage/first-keys.ts';
import type { CopyManifest } from './storage/local-copy/files.ts';

export interface Greeting {
  readonly version: string;
  readonly seconds: string;
  readonly base: string;
  readonly config: Config;
  readonly terminal: boolean;
  readonly madeKeys: boolean;
  readonly isDemo: boolean;
  readonly modelVersion: number | null;
  /** Of the local copy that it started from; null: from Postgres. */
  readonly copied: CopyManifest | null;
}

export function describeCopy({ confirmedMs, model }: CopyManifest): string {
  return `the local copy of ${new Date(confirmedMs).toISOString()}, ${model === null ? 'without a model' : `model version ${model.version}`}`;
}

export async function greet({ version, seconds, base, config, terminal, madeKeys, isDemo, modelVersion, copied }: Greeting): Promise<void> {
  const file = await readKeyFile(config.dataDir);
  const keyText = config.keys.secret !== null ? `$${KEY_VARIABLE.secret}` : file.secret === undefined ? 'YOUR_SECRET_KEY' : terminal ? file.secret : '$(npx --no-install jongleur keys secret)';
  const lines = [
    '',
    `  Jongleur ${version} is ready in ${seconds} s`,
    '',
    `  API and docs   ${base}/docs`,
    `  Dashboard      ${base}/dashboard`,
    `  Health         ${base}/health/ready`,
    ...(copied === null
      ? [`  Data           ${config.databaseUrl === null ? `embedded Postgres in ${config.dataDir}` : 'the Postgres of DATABASE_URL'}`]
      : [`  Data           ${describeCopy(copied)}`, '                 The Postgres of DATABASE_URL is away: answers are stale, writes are refused until it comes.']),
    `  Keys           ${madeKeys || file.secret !== undefined ? `${keyFileOf(config.dataDir)} (npx jongleur keys)` : 'from the environment'}`,
    ...(terminal && file.secret !== undefined && config.keys.secret === null ? Object.entries(file).map(([role, key]) => `                   ${role.padEnd(12)} ${key}`) : []),
    '',
    '  Try it:',
    modelVersion === null && copied === null
      ? `    curl -X POST ${base}/v1/events -H "Authorization: Bearer ${keyText}" -H "Content-Type: application/json" -d '{"userId":"u1","itemId":"i1","type":"view"}'`
      : `    curl -H "Authorization: Bearer ${keyText}" "${base}/v1/users/${isDemo ? 'user-1' : 'YOUR_USER'}/recommendations?limit=5&fields=title,price"`,
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
