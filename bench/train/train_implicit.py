"""The Python package implicit on a matrix that bench/train.mjs wrote: FOLDER FACTORS SWEEPS LAMBDA THREADS SEED [--every]. Prints one JSON line.

Its confidences are c = 1 + weight; what was not observed has c = 1 and preference 0.
"""
import json
import resource
import sys
import time

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits
import implicit

from objective import load, objective

folder, factors, sweeps, regularization, threads, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
row_start, index, weight = load(folder)
matrix = sp.csr_matrix((1 + weight, index, row_start), shape=json.load(open(f"{folder}/shape.json")))
model = implicit.als.AlternatingLeastSquares(factors=factors, regularization=regularization, alpha=1.0, iterations=sweeps, use_cg=True, use_native=True, num_threads=threads, random_state=seed)
objectives, walls = [], []
outside = {"wall": 0.0, "cpu": 0.0}  # what computing objectives took


def value():
    return objective(row_start, index, weight, model.user_factors, model.item_factors, regularization)


def after_sweep(_iteration, elapsed, _loss):
    walls.append(elapsed)
    cpus.append(time.process_time() - outside["cpu"])
    if "--every" in sys.argv:
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        objectives.append(value())
        outside["wall"] += time.perf_counter() - wall_before
        outside["cpu"] += time.process_time() - cpu_before


with threadpool_limits(limits=1, user_api="blas"):
    started_cpu = time.process_time()
    cpus = [started_cpu]
    started = time.perf_counter()
    model.fit(matrix, show_progress=False, callback=after_sweep)
    wall = time.perf_counter() - started - outside["wall"]
    cpu = time.process_time() - started_cpu - outside["cpu"]
# ru_maxrss would count what the bench had resident when it started this program
peak = next((int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")), 0) * 1024 if sys.platform == "linux" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "wall": wall, "cpu": cpu, "sweepWalls": walls, "sweepCpus": np.diff(cpus).tolist(), "objectives": objectives, "objective": value(),
    "peakBytes": peak, "version": implicit.__version__,
}))
