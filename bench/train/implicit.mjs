/** The package implicit, in a virtual environment of its own (bench/.venv, made at the first run), and the objective of anybody's factors in float64. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const venv = join(here, '..', '.venv');

function ensurePython() {
  const python = join(venv, 'bin', 'python');
  if (!existsSync(python)) {
    execFileSync('python3', ['-m', 'venv', venv], { stdio: 'inherit' });
    execFileSync(python, ['-m', 'pip', 'install', '-q', 'implicit==0.7.3', 'numpy', 'scipy', 'threadpoolctl'], { stdio: 'inherit' });
  }
  return python;
}

function runPython(script, args, threads) {
  const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1', OMP_NUM_THREADS: String(threads) };
  const result = spawnSync(ensurePython(), [join(here, script), ...args].map(String), { encoding: 'utf8', env });
  if (result.status !== 0) {
    throw new Error(`${script} failed: ${result.stderr}`);
  }
  return JSON.parse(result.stdout.trim().split('\n').at(-1));
}

/** The matrix as files, for other processes: CSR, weights and targets, and the shape. */
export function writeMatrix(folder, matrix) {
  for (const name of ['rowStart', 'index', 'weight', 'target']) {
    writeFileSync(join(folder, `${name}.bin`), matrix[name]);
  }
  writeFileSync(join(folder, 'shape.json'), JSON.stringify([matrix.rows, matrix.cols]));
}

/** `flags`: --every measures the objective after each sweep, outside the time of none. */
export function runImplicit({ folder, factors, sweeps, regularization, threads, seed }, ...flags) {
  return runPython('train_implicit.py', [folder, factors, sweeps, regularization, threads, seed, ...flags], threads);
}

/** `total` of our factors, and the `constant` to add to what the product says. */
export function objectiveOf(folder, users, items, regularization) {
  const paths = [users, items].map((factors, side) => {
    const path = join(folder, `factors-${side}.bin`);
    const { rows, factors: width, stride, data } = factors;
    if (width === stride) {
      writeFileSync(path, data);
    } else {
      const packed = new Float32Array(rows * width);
      for (let row = 0; row < rows; row++) {
        packed.set(data.subarray(row * stride, row * stride + width), row * width);
      }
      writeFileSync(path, packed);
    }
    return path;
  });
  try {
    return runPython('objective.py', [folder, ...paths, users.factors, regularization], 1);
  } finally {
    for (const path of paths) {
      rmSync(path);
    }
  }
}
