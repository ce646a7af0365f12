"""The plain Python word count that salient's is measured against.

    words_loop.py FILE strict|paper        one document a line; one line of JSON on standard output
"""

import json
import re
import sys
import time
import unicodedata

WORD = re.compile(r"\b[\w'-]+(?:\.\d+)?\b")


def words_of(text, strict):
    if strict:
        text = unicodedata.normalize("NFC", text).replace("\u2019", "'").replace("\u2018", "'")
    return WORD.findall(text.lower())


def main():
    path, protocol = sys.argv[1:]
    with open(path, encoding="utf-8", newline="\n") as source:
        documents = source.read().split("\n")
    if documents[-1] == "":
        documents.pop()
    strict = protocol == "strict"
    words = 0
    started = time.perf_counter()
    for document in documents:
        words += len(words_of(document, strict))
    seconds = time.perf_counter() - started
    # Again, outside the clock: the bytes of all words, by which the results are compared.
    word_bytes = sum(len("".join(words_of(document, strict)).encode("utf-8")) for document in documents)
    print(json.dumps({"seconds": seconds, "documents": len(documents), "words": words, "word_bytes": word_bytes}))


if __name__ == "__main__":
    main()
