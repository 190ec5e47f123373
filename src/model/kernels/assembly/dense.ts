/**
 * The dense side: Gram matrices and rotations, both as products of a 4 × 8 tile that stays in eight registers. What a tile reads lies in one piece: Gram rows
 * are packed into panels of eight columns, and so is Q, once for all rows.
 */

/** Rows packed at a time: 128 rows × 256 factors are 128 KiB, within a core's own cache. Sums within such a chunk are float32, over chunks float64. */
const chunkRows: usize = 128;

/**
 * out (float64, stride × stride) = Σ y yᵀ over rows `from` … `to` − 1: the tiles on and above the diagonal, zeros elsewhere. `packed`: 128 × stride floats
 * of scratch.
 */
export function gram(data: usize, stride: usize, from: usize, to: usize, packed: usize, out: usize): void {
  memory.fill(out, 0, stride * stride * 8);
  const rowBytes = stride * 4;
  for (let row = from; row < to; row += chunkRows) {
    const rows = min(chunkRows, to - row);
    const panelBytes = rows * 32;
    for (let r: usize = 0; r < rows; r++) {
      const source = data + (row + r) * rowBytes;
      let target = packed + r * 32;
      for (let k: usize = 0; k < rowBytes; k += 32, target += panelBytes) {
        v128.store(target, v128.load(source + k));
        v128.store(target, v128.load(source + k, 16), 16);
      }
    }
    for (let i: usize = 0; i < stride; i += 4) {
      const a = packed + (i >> 3) * panelBytes + (i & 4) * 4;
      for (let j: usize = i & ~7; j < stride; j += 8) gramTile(a, packed + (j >> 3) * panelBytes, panelBytes, out + (i * stride + j) * 8, stride * 8);
    }
  }
}

function gramTile(a: usize, b: usize, panelBytes: usize, out: usize, outBytes: usize): void {
  let s00 = f32x4.splat(0), s01 = f32x4.splat(0);
  let s10 = f32x4.splat(0), s11 = f32x4.splat(0);
  let s20 = f32x4.splat(0), s21 = f32x4.splat(0);
  let s30 = f32x4.splat(0), s31 = f32x4.splat(0);
  for (let k: usize = 0; k < panelBytes; k += 32) {
    const left = v128.load(b + k);
    const right = v128.load(b + k, 16);
    let y = v128.load_splat<f32>(a + k);
    s00 = f32x4.add(s00, f32x4.mul(y, left));
    s01 = f32x4.add(s01, f32x4.mul(y, right));
    y = v128.load_splat<f32>(a + k, 4);
    s10 = f32x4.add(s10, f32x4.mul(y, left));
    s11 = f32x4.add(s11, f32x4.mul(y, right));
    y = v128.load_splat<f32>(a + k, 8);
    s20 = f32x4.add(s20, f32x4.mul(y, left));
    s21 = f32x4.add(s21, f32x4.mul(y, right));
    y = v128.load_splat<f32>(a + k, 12);
    s30 = f32x4.add(s30, f32x4.mul(y, left));
    s31 = f32x4.add(s31, f32x4.mul(y, right));
  }
  addWide(out, s00, s01);
  addWide(out + outBytes, s10, s11);
  addWide(out + 2 * outBytes, s20, s21);
  addWide(out + 3 * outBytes, s30, s31);
}

/** Eight float64 sums at `out` grow by eight float32. */
function addWide(out: usize, left: v128, right: v128): void {
  v128.store(out, f64x2.add(v128.load(out), f64x2.promote_low_f32x4(left)));
  v128.store(out, f64x2.add(v128.load(out, 16), f64x2.promote_low_f32x4(v128.shuffle<f32>(left, left, 2, 3, 2, 3))), 16);
  v128.store(out, f64x2.add(v128.load(out, 32), f64x2.promote_low_f32x4(right)), 32);
  v128.store(out, f64x2.add(v128.load(out, 48), f64x2.promote_low_f32x4(v128.shuffle<f32>(right, right, 2, 3, 2, 3))), 48);
}

/** Q (float64, stride × stride, row-major) → float32 panels of eight columns, each stride × 8. */
export function packBasis(vectors: usize, stride: usize, packed: usize): void {
  for (let k: usize = 0; k < stride; k++) {
    for (let j: usize = 0; j < stride; j++) {
      store<f32>(packed + ((j >> 3) * stride * 8 + k * 8 + (j & 7)) * 4, <f32>load<f64>(vectors + (k * stride + j) * 8));
    }
  }
}

/** Rows turned between two write-backs. */
const turnRows: usize = 32;

/** Y ← YQ for rows `from` … `to` − 1, Q as `packBasis` left it. `scratch`: 32 × stride floats. */
export function rotate(data: usize, stride: usize, from: usize, to: usize, packed: usize, scratch: usize): void {
  const rowBytes = stride * 4;
  const panelBytes = stride * 32;
  for (let row = from; row < to; row += turnRows) {
    const rows = min(turnRows, to - row);
    const y = data + row * rowBytes;
    for (let j: usize = 0; j < stride; j += 8) {
      const panel = packed + (j >> 3) * panelBytes;
      let r: usize = 0;
      for (; r + 4 <= rows; r += 4) rotateTile(y + r * rowBytes, rowBytes, panel, scratch + r * rowBytes + j * 4);
      for (; r < rows; r++) rotateRow(y + r * rowBytes, rowBytes, panel, scratch + r * rowBytes + j * 4);
    }
    memory.copy(y, scratch, rows * rowBytes);
  }
}

function rotateTile(y: usize, rowBytes: usize, panel: usize, out: usize): void {
  let s00 = f32x4.splat(0), s01 = f32x4.splat(0);
  let s10 = f32x4.splat(0), s11 = f32x4.splat(0);
  let s20 = f32x4.splat(0), s21 = f32x4.splat(0);
  let s30 = f32x4.splat(0), s31 = f32x4.splat(0);
  const y1 = y + rowBytes;
  const y2 = y1 + rowBytes;
  const y3 = y2 + rowBytes;
  for (let k: usize = 0; k < rowBytes; k += 4, panel += 32) {
    const left = v128.load(panel);
    const right = v128.load(panel, 16);
    let s = v128.load_splat<f32>(y + k);
    s00 = f32x4.add(s00, f32x4.mul(s, left));
    s01 = f32x4.add(s01, f32x4.mul(s, right));
    s = v128.load_splat<f32>(y1 + k);
    s10 = f32x4.add(s10, f32x4.mul(s, left));
    s11 = f32x4.add(s11, f32x4.mul(s, right));
    s = v128.load_splat<f32>(y2 + k);
    s20 = f32x4.add(s20, f32x4.mul(s, left));
    s21 = f32x4.add(s21, f32x4.mul(s, right));
    s = v128.load_splat<f32>(y3 + k);
    s30 = f32x4.add(s30, f32x4.mul(s, left));
    s31 = f32x4.add(s31, f32x4.mul(s, right));
  }
  v128.store(out, s00);
  v128.store(out, s01, 16);
  v128.store(out + rowBytes, s10);
  v128.store(out + rowBytes, s11, 16);
  v128.store(out + 2 * rowBytes, s20);
  v128.store(out + 2 * rowBytes, s21, 16);
  v128.store(out + 3 * rowBytes, s30);
  v128.store(out + 3 * rowBytes, s31, 16);
}

/** One row of a tile, by the same additions in the same order: a row's result does not depend on its neighbours. */
function rotateRow(y: usize, rowBytes: usize, panel: usize, out: usize): void {
  let left = f32x4.splat(0);
  let right = f32x4.splat(0);
  for (let k: usize = 0; k < rowBytes; k += 4, panel += 32) {
    const s = v128.load_splat<f32>(y + k);
    left = f32x4.add(left, f32x4.mul(s, v128.load(panel)));
    right = f32x4.add(right, f32x4.mul(s, v128.load(panel, 16)));
  }
  v128.store(out, left);
  v128.store(out, right, 16);
}
