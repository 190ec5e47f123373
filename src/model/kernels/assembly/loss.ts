/** The loss of what was observed, and of the ridges. */
import { dot } from './vector';

/** Σ w (t − x·y)² over the entries of rows `from` … `to` − 1; products in float32, the sum in float64. */
export function observedLoss(
  users: usize, items: usize, stride: usize, rowStart: usize, index: usize, weight: usize, target: usize, from: usize, to: usize,
): f64 {
  const rowBytes = stride * 4;
  let sum: f64 = 0;
  for (let row = from; row < to; row++) {
    const x = users + row * rowBytes;
    const end = <usize>load<i32>(rowStart + row * 4, 4);
    for (let e = <usize>load<i32>(rowStart + row * 4); e < end; e++) {
      const miss = <f64>load<f32>(target + e * 4) - <f64>dot(items + <usize>load<i32>(index + e * 4) * rowBytes, x, rowBytes);
      sum += <f64>load<f32>(weight + e * 4) * miss * miss;
    }
  }
  return sum;
}

/** Σ λ_r ‖x_r‖² over rows `from` … `to` − 1, in float64. */
export function ridgeLoss(data: usize, stride: usize, from: usize, to: usize, ridge: usize): f64 {
  let sum: f64 = 0;
  for (let row = from; row < to; row++) {
    const x = data + row * stride * 4;
    let square: f64 = 0;
    for (let k: usize = 0; k < stride; k++) square += <f64>load<f32>(x + k * 4) * <f64>load<f32>(x + k * 4);
    sum += load<f64>(ridge + row * 8) * square;
  }
  return sum;
}
