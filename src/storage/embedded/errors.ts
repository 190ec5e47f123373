/**
 * Why the Postgres that Jongleur brings along is not there. Every message says what was tried, where, and what the reader can do now: it is mostly read by
 * somebody who typed `npm start` and has never seen this code.
 */
export type EmbeddedPostgresErrorCode =
  | 'embedded-unsupported-platform'
  | 'embedded-binaries-missing'
  | 'embedded-account-missing'
  | 'embedded-data-dir-unusable'
  | 'embedded-version-mismatch'
  | 'embedded-busy'
  | 'embedded-disk-full'
  | 'embedded-start-failed';

export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The way out that is always open; worded to follow "Remedy:" or an "or". */
export const OWN_POSTGRES = 'set DATABASE_URL to a Postgres of your own (14 or newer)';

const FILE_SYSTEM_REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'a file is in the way',
  ENOTDIR: 'a part of the path is not a folder',
  EBUSY: 'it is in use, perhaps as a mount point',
};

/** Turns what the file system said into a sentence that names the path; everything else passes through as it is. */
export function explainFileError(error: unknown, dataDir: string): unknown {
  const { code, path, dest } = (error ?? {}) as NodeJS.ErrnoException & { dest?: string };
  const reason = code === undefined ? undefined : FILE_SYSTEM_REASONS[code];
  if (error instanceof EmbeddedPostgresError || code === undefined || reason === undefined) {
    return error;
  }
  const where = dest ?? path ?? dataDir;
  const remedy = remedyFor(code, dataDir);
  return new EmbeddedPostgresError(isNoSpace(code) ? 'embedded-disk-full' : 'embedded-data-dir-unusable', `Cannot keep the database in ${dataDir}: ${where}: ${reason}. Remedy: ${remedy}, or ${OWN_POSTGRES}.`, {
    cause: error,
  });
}

function isNoSpace(code: string): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function remedyFor(code: string, dataDir: string): string {
  if (isNoSpace(code)) {
    return 'free some space there';
  }
  if (code === 'EBUSY') {
    return `mount the volume on ${dataDir} itself`;
  }
  return `let this user write below ${dataDir}, or point DATA_DIR at a folder where it can`;
}
