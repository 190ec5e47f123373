import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPacedWork } from '../../src/storage/paced-work.ts';

describe('paced work', () => {
  /** Ends of the work that was begun and has not ended. */
  let ends: (() => void)[];
  let begun: number;
  const work = async () => {
    begun++;
    await new Promise<void>((resolve) => ends.push(resolve));
  };
  beforeEach(() => {
    vi.useFakeTimers();
    [ends, begun] = [[], 0];
  });
  afterEach(() => vi.useRealTimers());

  it('is done once for all calls of a pause', async () => {
    const { note } = createPacedWork(work, () => 100);
    note();
    note();
    await vi.advanceTimersByTimeAsync(99);
    expect(begun).toBe(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(begun).toBe(1);
  });

  it('is never done twice at once, and once more for what came while it was done, after the pause of then', async () => {
    let pauseMs = 100;
    const { note } = createPacedWork(work, () => pauseMs);
    note();
    await vi.advanceTimersByTimeAsync(100);
    pauseMs = 500;
    note();
    note();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(begun).toBe(1);
    ends.pop()!();
    await vi.advanceTimersByTimeAsync(499);
    expect(begun).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(begun).toBe(2);
    ends.pop()!();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(begun).toBe(2);
  });

  it('begins nothing new once it is stopped, and what is under way is waited for', async () => {
    const paced = createPacedWork(work, () => 100);
    paced.note();
    await vi.advanceTimersByTimeAsync(100);
    paced.note();
    let isStopped = false;
    void paced.stop().then(() => {
      isStopped = true;
    });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(isStopped).toBe(false);
    ends.pop()!();
    await vi.advanceTimersByTimeAsync(1_000);
    expect([isStopped, begun]).toEqual([true, 1]);
  });
});
