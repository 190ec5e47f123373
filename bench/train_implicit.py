"""The Python package implicit on a matrix that bench/train.mjs wrote: CSR of confidences c, float32. Prints one JSON line.

implicit minimises  sum over all (u, i) of c (p - x.y)^2 + lambda (|X|^2 + |Y|^2),  with c = 1 and p = 0 where nothing was observed.
"""
import json
import resource
import sys
import time

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits
import implicit

folder, factors, sweeps, regularization, threads, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
row_start = np.fromfile(f"{folder}/row_start.bin", dtype=np.int32)
index = np.fromfile(f"{folder}/index.bin", dtype=np.int32)
confidence = np.fromfile(f"{folder}/confidence.bin", dtype=np.float32)
shape = json.load(open(f"{folder}/shape.json"))
matrix = sp.csr_matrix((confidence, index, row_start), shape=(shape["users"], shape["items"]))


def objective(x, y):
    """In float64: sum_obs [c (1 - s)^2 - s^2] + sum_all s^2 + lambda (|X|^2 + |Y|^2)."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    total = np.sum((x.T @ x) * (y.T @ y)) + regularization * (np.sum(x * x) + np.sum(y * y))
    users = np.repeat(np.arange(shape["users"]), np.diff(row_start))
    for at in range(0, len(index), 200_000):
        u, i, c = users[at : at + 200_000], index[at : at + 200_000], confidence[at : at + 200_000].astype(np.float64)
        s = np.einsum("nf,nf->n", x[u], y[i])
        total += np.sum(c * (1 - s) ** 2 - s * s)
    return float(total)


model = implicit.als.AlternatingLeastSquares(factors=factors, regularization=regularization, alpha=1.0, iterations=sweeps, use_cg=True, use_native=True, num_threads=threads, random_state=seed)
objectives, walls = [], []


def after_sweep(_iteration, elapsed, _loss):
    walls.append(elapsed)
    if "--every" in sys.argv:
        objectives.append(objective(model.user_factors, model.item_factors))


with threadpool_limits(limits=1, user_api="blas"):
    cpu = time.process_time()
    started = time.perf_counter()
    model.fit(matrix, show_progress=False, callback=after_sweep)
    wall = time.perf_counter() - started
    cpu = time.process_time() - cpu
print(json.dumps({
    "wall": wall, "cpu": cpu, "sweepWalls": walls, "objectives": objectives, "objective": objective(model.user_factors, model.item_factors),
    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "version": implicit.__version__,
}))
