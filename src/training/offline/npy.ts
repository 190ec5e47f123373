/** NumPy's file format, version 1.0 (NEP 1): what `numpy.load` reads. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Factors } from '../../model/matrix.ts';

/** The data of an NPY file begin at a multiple of this. */
const alignment = 64;
const rowsBytesAtOnce = 1 << 22;

/** `\x93NUMPY`, version 1.0, length, then a Python literal that says: little-endian float32, row by row, rows × columns. */
export function npyHeader(rows: number, columns: number): Buffer {
  return headerOf('<f4', `${rows}, ${columns}`);
}

function headerOf(type: '<f4' | '<i4', shape: string): Buffer {
  const before = 10;
  const literal = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }`;
  const length = Math.ceil((before + literal.length + 1) / alignment) * alignment - before;
  const header = Buffer.alloc(before + length, ' ');
  header.write('\u0093NUMPY\u0001\u0000', 0, 'latin1');
  header.writeUInt16LE(length, 8);
  header.write(literal, before, 'latin1');
  header.write('\n', before + length - 1, 'latin1');
  return header;
}

/** Writes rows × factors without the padding at the rows' ends, a few megabytes at a time, and waits until they are on the disk. */
export async function writeNpy(path: string, { rows, factors, stride, data }: Factors): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await writeAll(file, npyHeader(rows, factors));
    const rowsAtOnce = Math.max(1, Math.floor(rowsBytesAtOnce / (4 * factors)));
    const packed = new Float32Array(Math.min(rows, rowsAtOnce) * factors);
    for (let from = 0; from < rows; from += rowsAtOnce) {
      const to = Math.min(rows, from + rowsAtOnce);
      for (let row = from; row < to; row++) {
        packed.set(data.subarray(row * stride, row * stride + factors), (row - from) * factors);
      }
      await writeAll(file, new Uint8Array(packed.buffer, 0, 4 * factors * (to - from)));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One dimension, int32 or float32. */
export async function writeNpyVector(path: string, values: Int32Array | Float32Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await writeAll(file, headerOf(values instanceof Int32Array ? '<i4' : '<f4', `${values.length},`));
    await writeAll(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One write may take less than it is given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}
