"""The peer of `bench/heads`: the metrics of METHODS 3 (Kendall left out) with SciPy and NumPy, one head at a time.

    heads_loop.py HEADS WORDS     prints the seconds that so many heads of one document take
"""

import sys
import time

import numpy as np
from scipy.stats import entropy, spearmanr

heads, words = int(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(1)
y = np.where(random.random(words) < 0.4, random.integers(0, 11, words) / 10, 0)
attention = np.exp(3 * random.random((heads, words)))


def clipped(p):
    p = np.clip(p, 1e-10, 1.0)
    return p / p.sum()


def ndcg(score, relevance, k):
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gains = 2 ** relevance - 1
    ideal = np.sum(np.sort(gains)[::-1][:k] * discounts)
    return np.sum(gains[np.argsort(-score)[:k]] * discounts) / ideal if ideal > 0 else 0


def metrics(p, q):
    rho, p_value = spearmanr(p, q)
    a, b = clipped(p), clipped(q)
    kl = entropy(a, b)
    uniform = np.log(len(p)) + np.sum(a * np.log(a + 1e-10))
    squares = p ** 2 / (np.sum(p ** 2) + 1e-12)
    middle = (p + q) / 2
    order = np.argsort(q)[::-1]
    relevant = p > np.median(p)
    out = [rho, p_value, np.corrcoef(p, q)[0, 1], np.mean(np.abs(p - q)), kl, uniform, 1 - kl / uniform, entropy(clipped(squares), b),
           (entropy(p, middle) + entropy(q, middle)) / 2, ndcg(q, p, 5), ndcg(q, p, 10)]
    out += [np.log(np.sum(a ** alpha * b ** (1 - alpha))) / (alpha - 1) for alpha in (1.5, 2, 3)]
    for k in (1, 3, 5, 10):
        hits = relevant[order[:k]].sum()
        out += [hits / k, hits / max(1, relevant.sum())]
    return out


p = y / y.sum()
metrics(p, attention[0] / attention[0].sum())
start = time.perf_counter()
for row in attention:
    metrics(p, row / row.sum())
print(time.perf_counter() - start)
