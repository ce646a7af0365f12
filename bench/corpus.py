"""Invented news of any size, the same on every machine: the sentences of the demo's articles and of document.txt, drawn at random."""

import csv
import json
import random
import re

import benchlib


def sentences():
    texts = [benchlib.document()]
    with open(benchlib.ROOT / "examples" / "demo" / "news.jsonl", encoding="utf-8") as source:
        texts += [json.loads(line)["text"] for line in source]
    found = []
    for text in texts:
        found += [part for part in re.split(r"(?<=[.!?\"”])\s+", text) if part]
    return found


def records(size, seed=1):
    """Documents {id, text, reference} until their texts and references have size bytes together."""
    pool = sentences()
    lengths = {sentence: len(sentence.encode("utf-8")) for sentence in pool}
    chance = random.Random(seed)
    made = number = 0
    while made < size:
        number += 1
        body = chance.choices(pool, k=chance.randint(15, 60))
        reference = body[0] + " " + body[-1]
        made += sum(lengths[sentence] for sentence in body) + len(body) + lengths[body[0]] + lengths[body[-1]]
        paragraphs = [" ".join(body[at : at + 4]) for at in range(0, len(body), 4)]
        yield {"id": f"news-{number:07}", "text": "\n\n".join(paragraphs), "reference": reference}


def write_articles(path, count, words, seed=1):
    """count documents of at least so many words each."""
    pool, chance = sentences(), random.Random(seed)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for number in range(count):
            body, length = [], 0
            while length < words:
                body.append(chance.choice(pool))
                length += len(body[-1].split())
            out.write(json.dumps({"id": f"d{number}", "text": " ".join(body)}, ensure_ascii=False) + "\n")


def write_jsonl(path, size):
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for count, record in enumerate(records(size), 1):
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
    return count


def write_json(path, size):
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for count, record in enumerate(records(size), 1):
            out.write(("[" if count == 1 else ",\n") + json.dumps(record, ensure_ascii=False))
        out.write("]\n")
    return count


def write_csv(path, size):
    count = 0
    with open(path, "w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, ["id", "text", "reference"])
        table.writeheader()
        for count, record in enumerate(records(size), 1):
            table.writerow(record)
    return count


def write_lines(path, size):
    """One document a line, nothing else."""
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for count, record in enumerate(records(size), 1):
            out.write(record["text"].replace("\n", " ") + "\n")
    return count


WRITERS = {"jsonl": write_jsonl, "json": write_json, "csv": write_csv}
