/** Seeded random numbers: the same seed gives the same sequence on every machine. Nothing in the model uses Math.random. */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Standard normal (Box–Muller). */
  gaussian(): number;
  /** Uniform integer in [0, bound). `bound` is at most 2³². */
  integer(bound: number): number;
}

/** xoshiro128** (Blackman, Vigna 2018), its state filled from the seed by splitmix32. `seed` is any finite number. */
export function createRandom(seed: number): Random {
  let s = (Math.floor(seed) ^ Math.floor(seed / 0x1_0000_0000)) >>> 0;
  const next = () => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let a = next();
  let b = next();
  let c = next();
  let d = next() | 1;
  let spare = Number.NaN;

  function bits(): number {
    const x = Math.imul(b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  }

  function uniform(): number {
    return bits() / 0x1_0000_0000;
  }

  return {
    uniform,
    integer: (bound) => Math.floor(uniform() * bound),
    gaussian() {
      if (!Number.isNaN(spare)) {
        const value = spare;
        spare = Number.NaN;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}
