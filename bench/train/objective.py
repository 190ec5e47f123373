"""The function that implicit minimises, in float64 and in blocks:

    sum over observed of [c (1 - s)^2 - s^2]  +  sum over all of s^2  +  lambda (|X|^2 + |Y|^2),     s = x.y

As a program, for the factors of whoever wrote them (float32, rows of `factors`): FOLDER USERS ITEMS FACTORS LAMBDA. Prints one JSON line, with the constant by which
sum over observed of w (t - s)^2 with w = c - 1, t = c / w falls short of it.
"""
import json
import sys

import numpy as np

BLOCK = 32_768


def load(folder):
    read = lambda name, kind: np.fromfile(f"{folder}/{name}.bin", dtype=kind)
    return read("rowStart", np.int32), read("index", np.int32), read("weight", np.float32)


def gram(factors):
    total = np.zeros((factors.shape[1], factors.shape[1]))
    for at in range(0, len(factors), BLOCK):
        block = factors[at : at + BLOCK].astype(np.float64)
        total += block.T @ block
    return total


def objective(row_start, index, weight, users, items, regularization):
    gx, gy = gram(users), gram(items)
    total = np.sum(gx * gy) + regularization * (np.trace(gx) + np.trace(gy))
    row = np.repeat(np.arange(len(row_start) - 1), np.diff(row_start))
    for at in range(0, len(index), BLOCK):
        c = 1 + weight[at : at + BLOCK].astype(np.float64)
        s = np.einsum("nf,nf->n", users[row[at : at + BLOCK]], items[index[at : at + BLOCK]], dtype=np.float64)
        total += np.sum(c * (1 - s) ** 2 - s * s)
    return float(total)


if __name__ == "__main__":
    folder, users, items, factors, regularization = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
    row_start, index, weight = load(folder)
    x, y = (np.fromfile(path, dtype=np.float32).reshape(-1, factors) for path in (users, items))
    c = 1 + weight.astype(np.float64)
    print(json.dumps({"total": objective(row_start, index, weight, x, y, regularization), "constant": float(np.sum(c - c * c / (c - 1)))}))
