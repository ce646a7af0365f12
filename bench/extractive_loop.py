"""Rank the sentences of documents with summa and with lexrank; processor seconds of each as JSON. Called by `extractive`."""

import json
import re
import sys
import time

from lexrank import STOPWORDS, LexRank
from summa.summarizer import summarize

with open(sys.argv[1], encoding="utf-8") as source:
    texts = [json.loads(line)["text"] for line in source][: int(sys.argv[2])]
started = time.process_time()
for text in texts:
    summarize(text, words=100)
summa = time.process_time() - started
sentences = [[part for part in re.split(r"(?<=[.!?])\s+", text) if part] for text in texts]
started = time.process_time()
ranker = LexRank(sentences, stopwords=STOPWORDS["en"])
for document in sentences:
    ranker.rank_sentences(document, threshold=None, fast_power_method=True)
print(json.dumps({"summa": summa, "lexrank": time.process_time() - started}))
