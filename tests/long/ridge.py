"""Linear probes from their exported arrays, by scikit-learn: ridge.py FOLDER EXPORT (jsonl of the table probes)

Every round's ridge regression is fitted again from X, y and the split; the penalty is chosen by the development part; predictions,
penalties and the mean of each metric over documents must equal those of salient."""
import json
import pathlib
import sys

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, ndcg_score
from sklearn.preprocessing import StandardScaler

PENALTIES = 10.0 ** np.arange(8)


def rounds_of(split):
    """(test, development) of each round: five folds, or one over 60/20/20."""
    return [(k, (k + 1) % 5) for k in range(5)] if split.max() == 4 else [(2, 1)]


def predict(x, y, split):
    predictions, chosen = np.full(len(y), np.nan), []
    for test, development in rounds_of(split):
        train = (split >= 0) & (split != test) & (split != development)
        scaler = StandardScaler().fit(x[train])
        z = scaler.transform(x)
        fits = [Ridge(alpha=penalty, solver="svd").fit(z[train], y[train]) for penalty in PENALTIES]
        errors = [np.sum((y[split == development] - fit.predict(z[split == development])) ** 2) for fit in fits]
        best = int(np.argmin(errors))
        chosen.append(PENALTIES[best])
        predictions[split == test] = fits[best].predict(z[split == test])
    return predictions, chosen


def shares(values):
    """A distribution, clipped as the metrics want it."""
    values = np.clip(values, 0, None)
    values = values / values.sum() if values.sum() > 0 else np.full(len(values), 1 / len(values))
    clipped = np.clip(values, 1e-10, 1)
    return clipped / clipped.sum()


def scores_of(y, q):
    p, r = shares(y), shares(q)
    constant = y.std() == 0 or q.std() == 0
    return {
        "spearman": np.nan if constant else spearmanr(y, q).statistic,
        "pearson": np.nan if constant else np.corrcoef(y, q)[0, 1],
        "mae": mean_absolute_error(y, q),
        "ndcg@10": np.nan if y.max() == 0 else ndcg_score([2**y - 1], [q], k=10),
        "kl": np.sum(p * np.log(p / r)),
        "renyi@2": np.log(np.sum(p**2 / r)),
    }


def main():
    folder, rows = pathlib.Path(sys.argv[1]), [json.loads(line) for line in open(sys.argv[2])]
    load = lambda name: np.load(folder / f"{name}.npy")
    y, split, documents, groups = (load(name) for name in ("y", "split", "documents", "groups"))
    for group in np.unique(groups):  # near-duplicates stay together
        assert len(np.unique(split[groups == group])) == 1
    checked = 0
    for path in sorted(folder.glob("X_*.npy")):
        layer = int(path.stem[2:])
        ours, lambdas = load(f"prediction_{layer:02}"), load(f"lambda_{layer:02}")
        predictions, chosen = predict(np.load(path).astype(float), y, split)
        assert np.array_equal(np.isnan(ours), np.isnan(predictions))
        assert list(lambdas) == chosen, (layer, lambdas, chosen)
        tested = ~np.isnan(ours)
        worst = np.abs(ours - predictions)[tested].max()
        assert worst <= 1e-6, (layer, worst)
        per_document = [scores_of(y[tested & (documents == d)], predictions[tested & (documents == d)])
                        for d in np.unique(documents[tested])]
        for metric in per_document[0]:
            mean = np.nanmean([scores[metric] for scores in per_document])
            stored, = [row for row in rows if row["layer"] == layer and row["control"] == "none" and row["seed"] is None
                       and row["words"] == "all" and row["metric"] == metric]
            assert abs(stored["value"] - mean) <= 1e-6, (layer, metric, stored["value"], mean)
            assert stored["documents"] == np.sum(~np.isnan([scores[metric] for scores in per_document]))
            checked += 1
        print(f"layer {layer}: {tested.sum()} predictions, largest difference {worst:.1e}")
    print(f"{checked} metrics")


main()
