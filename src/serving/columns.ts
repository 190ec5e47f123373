/** Columns of values by row, in typed arrays. A column costs nothing until its first value comes. */

type Numbers = Uint8Array | Int32Array | Uint32Array | Float32Array | Float64Array;

function resized<T extends Numbers>(old: T, length: number): T {
  const fresh = new (old.constructor as new (length: number) => T)(length);
  fresh.set(old.subarray(0, length) as never);
  return fresh;
}

/** Opens a gap at `row` in front of what is there up to `rows`. */
function shift(values: Numbers, row: number, rows: number): void {
  values.copyWithin(row + 1, row, rows);
}

/** One number a row. */
export class NumberColumn<T extends Numbers> {
  /** By row; empty as long as no row has a value. May be longer than there are rows. */
  values: T;
  readonly missing: number;
  private capacity = 0;

  constructor(values: T, missing: number) {
    this.values = values;
    this.missing = missing;
  }

  resize(capacity: number): void {
    this.capacity = capacity;
    if (this.values.length > 0) {
      const before = this.values.length;
      this.values = resized(this.values, capacity);
      this.values.fill(this.missing, before);
    }
  }

  insert(row: number, rows: number): void {
    if (this.values.length > 0) {
      shift(this.values, row, rows);
      this.values[row] = this.missing;
    }
  }

  /** Whether a row has this very value. */
  has(row: number, value: number): boolean {
    return Object.is(this.values.length === 0 ? this.missing : this.values[row], value);
  }

  set(row: number, value: number): void {
    if (this.values.length === 0) {
      if (Object.is(value, this.missing)) {
        return;
      }
      this.values = new (this.values.constructor as new (length: number) => T)(this.capacity);
      this.values.fill(this.missing);
    }
    this.values[row] = value;
  }

  get bytes(): number {
    return this.values.byteLength;
  }
}

/** A short list of integers a row, all in one pool. A list that grows moves to the pool's end; where half of the pool is holes it is written anew. */
export class ListColumn {
  /** Row r has members pool[start[r]] … pool[start[r] + size[r] − 2]; size 0: no list, 1: an empty one. Empty as long as no row has a list. */
  start = new Uint32Array(0);
  size = new Int32Array(0);
  pool = new Int32Array(0);
  used = 0;
  private holes = 0;
  private capacity = 0;

  resize(capacity: number): void {
    this.capacity = capacity;
    if (this.size.length > 0) {
      this.start = resized(this.start, capacity);
      this.size = resized(this.size, capacity);
    }
  }

  insert(row: number, rows: number): void {
    if (this.size.length > 0) {
      shift(this.start, row, rows);
      shift(this.size, row, rows);
      this.size[row] = 0;
    }
  }

  /** @param members null: no list */
  set(row: number, members: ArrayLike<number> | null): void {
    if (this.size.length === 0) {
      if (members === null) {
        return;
      }
      this.start = new Uint32Array(this.capacity);
      this.size = new Int32Array(this.capacity);
    }
    const before = Math.max(0, this.size[row] - 1);
    const count = members?.length ?? 0;
    if (count > before) {
      this.holes += before;
      this.reserve(count);
      this.start[row] = this.used;
      this.used += count;
    } else {
      this.holes += before - count;
    }
    const start = this.start[row];
    for (let k = 0; k < count; k++) {
      this.pool[start + k] = members![k];
    }
    this.size[row] = members === null ? 0 : count + 1;
  }

  /** Gives back what is not needed: holes in the pool, and with `exactly` the room to grow. */
  compact(rows: number, exactly: boolean): void {
    if (this.holes > 1024 + this.used / 2) {
      const fresh = new Int32Array(this.used - this.holes);
      let used = 0;
      for (let row = 0; row < rows; row++) {
        const count = Math.max(0, this.size[row] - 1);
        for (let k = 0; k < count; k++) {
          fresh[used + k] = this.pool[this.start[row] + k];
        }
        this.start[row] = used;
        used += count;
      }
      [this.pool, this.used, this.holes] = [fresh, used, 0];
    } else if (exactly && this.pool.length > this.used) {
      this.pool = resized(this.pool, this.used);
    }
  }

  get bytes(): number {
    return this.start.byteLength + this.size.byteLength + this.pool.byteLength;
  }

  private reserve(count: number): void {
    if (this.used + count > this.pool.length) {
      this.pool = resized(this.pool, Math.ceil((this.used + count) * 1.5) + 64);
    }
  }
}
