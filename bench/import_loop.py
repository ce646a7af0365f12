"""The plain Python import that `salient import` is measured against: json or csv, hashlib and sqlite3, one transaction.

    import_loop.py FILE.jsonl|FILE.json|FILE.csv DATABASE TABLE.sql

TABLE.sql makes the table `documents` as salient's study has it. The JSON array is read as one usually does, with json.load.
"""

import csv
import hashlib
import json
import sqlite3
import sys


def read_records(path):
    if path.endswith(".csv"):
        with open(path, encoding="utf-8", newline="") as source:
            yield from csv.DictReader(source)
    elif path.endswith(".jsonl"):
        with open(path, encoding="utf-8") as source:
            for line in source:
                yield json.loads(line)
    else:
        with open(path, encoding="utf-8") as source:
            yield from json.load(source)


def main():
    path, database, table = sys.argv[1:]
    csv.field_size_limit(1 << 26)
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    with open(table, encoding="utf-8") as source:
        connection.executescript(source.read())
    with connection:
        for record in read_records(path):
            digest = hashlib.sha256(record["text"].encode("utf-8")).hexdigest()
            connection.execute(
                "INSERT INTO documents (corpus, id, language, kind, text, reference, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
                ("large", record["id"], "en", "news", record["text"], record["reference"], digest),
            )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


if __name__ == "__main__":
    main()
