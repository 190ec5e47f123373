/**
 * Reading something again, whoever asks and however often: one read at a time, and nobody is answered by a read that began before they asked. Two at once could end in the other order, and a key that
 * was revoked in between would open doors again.
 */
export function createReload(read: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;
  return async () => {
    next ??= underWay
      .catch(() => undefined)
      .then(async () => {
        underWay = next!;
        next = null;
        await read();
      });
    await next;
  };
}
