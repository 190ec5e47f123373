/** The bytes are not a snapshot this version can read. The message says what was found. */
export class SnapshotDamaged extends Error {
  constructor(message: string) {
    super(`The snapshot cannot be read: ${message}.`);
    this.name = 'SnapshotDamaged';
  }
}
