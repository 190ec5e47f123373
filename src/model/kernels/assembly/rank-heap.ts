/** The N best of a call: a binary heap with the entry that must go first at the root, the lowest score, among equals the largest item index. */
import { Index } from './rank-index';

// @ts-expect-error: decorator
@inline
function goesBefore(at: Index, scoreA: f32, placeA: usize, scoreB: f32, placeB: usize): bool {
  return scoreA < scoreB || (scoreA === scoreB && load<i32>(at.itemAt + placeA * 4) > load<i32>(at.itemAt + placeB * 4));
}

/** Takes an entry in; returns how many there are then. */
export function offer(at: Index, limit: usize, count: usize, score: f32, place: usize): usize {
  const scores = at.scores;
  const places = at.places;
  if (count < limit) {
    let k = count;
    while (k > 0) {
      const parent = (k - 1) >> 1;
      const parentScore = load<f32>(scores + parent * 4);
      const parentPlace = <usize>load<i32>(places + parent * 4);
      if (!goesBefore(at, score, place, parentScore, parentPlace)) break;
      store<f32>(scores + k * 4, parentScore);
      store<i32>(places + k * 4, <i32>parentPlace);
      k = parent;
    }
    store<f32>(scores + k * 4, score);
    store<i32>(places + k * 4, <i32>place);
    return count + 1;
  }
  if (goesBefore(at, load<f32>(scores), <usize>load<i32>(places), score, place)) siftDown(at, count, score, place);
  return count;
}

/** Puts an entry in the root's place. */
function siftDown(at: Index, count: usize, score: f32, place: usize): void {
  const scores = at.scores;
  const places = at.places;
  let k: usize = 0;
  for (;;) {
    let child: usize = 2 * k + 1;
    if (child >= count) break;
    let childScore = load<f32>(scores + child * 4);
    let childPlace = <usize>load<i32>(places + child * 4);
    if (child + 1 < count) {
      const otherScore = load<f32>(scores + child * 4, 4);
      const otherPlace = <usize>load<i32>(places + child * 4, 4);
      if (goesBefore(at, otherScore, otherPlace, childScore, childPlace)) {
        child++;
        childScore = otherScore;
        childPlace = otherPlace;
      }
    }
    if (!goesBefore(at, childScore, childPlace, score, place)) break;
    store<f32>(scores + k * 4, childScore);
    store<i32>(places + k * 4, <i32>childPlace);
    k = child;
  }
  store<f32>(scores + k * 4, score);
  store<i32>(places + k * 4, <i32>place);
}

/** Heap → best first. */
export function sortHeap(at: Index, count: usize): void {
  const scores = at.scores;
  const places = at.places;
  for (let last = count; last > 1; ) {
    last--;
    const score = load<f32>(scores + last * 4);
    const place = <usize>load<i32>(places + last * 4);
    store<f32>(scores + last * 4, load<f32>(scores));
    store<i32>(places + last * 4, load<i32>(places));
    siftDown(at, last, score, place);
  }
}
