"""LexRank of the PyPI package lexrank on the sentences and words of golden/baselines.json: the same graph, and with the damping of METHODS 1,
which the package leaves out, the same scores and ranking as the reference that the C code is held to. Needs numpy and lexrank."""

import json
import sys
from collections import Counter

import numpy as np
from lexrank import LexRank

DAMPING = 0.85


class Given(LexRank):
    """Sentences are numbers; their words are given."""

    def __init__(self, tokens):
        self.tokens = tokens
        super().__init__([[str(i)] for i in range(len(tokens))], stopwords=set())

    def tokenize_sentence(self, sentence):
        return list(self.tokens[int(sentence)])


def damped(similarity):
    n = len(similarity)
    transition = similarity / similarity.sum(axis=1, keepdims=True)
    scores = np.full(n, 1 / n)
    for _ in range(2000):
        scores = (1 - DAMPING) / n + DAMPING * transition.T @ scores
    return scores


with open(sys.argv[1], encoding="utf-8") as source:
    documents = json.load(source)["documents"]
for document in documents:
    reference = np.array(document["lexrank"]["scores"])
    peer = Given(document["tokens"])
    words = [Counter(sentence) for sentence in document["tokens"]]
    scores = damped(peer._calculate_similarity_matrix(words))
    off = np.max(np.abs(scores - reference) / reference)
    assert off < 1e-9, (document["id"], off)
    above, below = (scores[:, None] > scores[None, :] * (1 + 1e-9)).nonzero()
    assert np.all(reference[above] > reference[below]), document["id"]
    bare = peer.rank_sentences([str(i) for i in range(len(words))], threshold=None, fast_power_method=False)
    print(document["id"], len(words), "sentences, as the reference; Spearman with the undamped ranking",
          round(float(np.corrcoef(np.argsort(np.argsort(bare)), np.argsort(np.argsort(reference)))[0, 1]), 3))
print(len(documents), "documents")
