/** What was asked for cannot be done with these data; `message` says why and what to do. Exit code 1. */
export class OfflineFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OfflineFault';
  }
}
