/** A body that comes as a stream: unpacked where it is gzipped, and never more of it than allowed. */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** The body has more bytes than allowed, as sent or unpacked: a few megabytes of gzip can hold a terabyte. */
export class BodyTooLarge extends Error {
  /** @param message in place of the words on bytes */
  constructor(maxBytes: number, message?: string) {
    super(message ?? `The body has more than ${maxBytes} bytes${maxBytes >= 1 << 20 ? ` (${Math.round(maxBytes / (1 << 20))} MiB)` : ''} when unpacked`);
    this.name = 'BodyTooLarge';
  }
}

/** The body's gzip data are damaged, or end before their end. */
export class BodyDamaged extends Error {
  constructor(cause: unknown) {
    super((cause as NodeJS.ErrnoException).code === 'Z_BUF_ERROR' ? 'The body ends in the middle of its gzip data' : `The body is damaged gzip data (${(cause as Error).message})`, { cause });
    this.name = 'BodyDamaged';
  }
}

/**
 * The body's bytes, piece by piece. Nothing is read before it is asked for, so a sender that is faster than Postgres is slowed down by TCP.
 *
 * @throws BodyTooLarge, BodyDamaged, or what broke the connection
 */
export async function* readBody(body: Readable, gzipped: boolean, maxBytes: number): AsyncGenerator<Buffer> {
  let source = body;
  if (gzipped) {
    const gunzip = createGunzip();
    // `pipe` passes no errors on; what breaks the body must end whoever reads here.
    body.on('error', (error) => gunzip.destroy(error));
    body.on('aborted', () => gunzip.destroy(new Error('the sender hung up')));
    source = body.pipe(gunzip);
  }
  let bytes = 0;
  try {
    // Left open where it is not read to its end: the sender is still to hear why.
    for await (const piece of source.iterator({ destroyOnReturn: source !== body }) as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > maxBytes) {
        throw new BodyTooLarge(maxBytes);
      }
      yield piece;
    }
  } catch (error) {
    throw String((error as { code?: unknown }).code ?? '').startsWith('Z_') ? new BodyDamaged(error) : error;
  }
}
