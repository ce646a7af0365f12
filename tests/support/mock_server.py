#!/usr/bin/env python3
"""Servers that salient talks to, as tests need them: on 127.0.0.1 alone, from Python's standard library.

    mock_server.py [--faults N] [--files FOLDER] [--log FILE]

Prints its port and ends when its standard input does, so that it never outlives the test that started it.

Chat endpoint (POST .../chat/completions): the text it gives is the first n words of the document, so that a test knows what every row
must hold. With --faults N each request fails up to N times, in all the ways below, before it gets that text: which ways is told by a
hash of its body. Marks in the document make a request special for good (see special()); GET /heal ends "[broken]".
Data sets (GET /splits, /rows): mock/news, mock/samsum and abisee/cnn_dailymail, made on the fly; with --faults every other page fails
once. Repositories (GET /api/{datasets,models}/O/N/tree/main, .../resolve/main/FILE): the files below FOLDER/{datasets,models}/O/N; a
file is served from another origin by redirect, and with --faults cut in the middle each first time.
--log FILE: one JSON object a request, so that a test can tell what was sent where.
"""
import argparse
import hashlib
import http.server
import json
import os
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

OPTIONS = None
LOCK = threading.Lock()
TRIES = {}
STATE = {"healed": False}


def tries_of(key):
    with LOCK:
        TRIES[key] = TRIES.get(key, 0) + 1
        return TRIES[key]


def completion(text, finish="stop", **more):
    message = {"role": "assistant", "content": text}
    message.update(more)
    return {
        "id": "x", "object": "chat.completion", "model": "mock", "system_fingerprint": "fp_mock",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107},
    }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, body):
        if OPTIONS.log:
            line = json.dumps({"method": self.command, "path": self.path, "host": self.headers.get("Host"),
                               "authorization": self.headers.get("Authorization"),
                               "range": self.headers.get("Range"), "body": body.decode("utf-8", "replace")})
            with LOCK, open(OPTIONS.log, "a", encoding="utf-8") as log:
                log.write(line + "\n")

    # ---- ways to answer ----------------------------------------------------------------------

    def send(self, status, body, kind="application/json", **headers):
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drop(self):
        """Reset the connection, whatever was sent so far."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hang_up(self):
        """Close the connection in an orderly way."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def cut(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.hang_up()

    def cut_chunked(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        half = body[: len(body) // 2]
        self.wfile.write(b"%x\r\n%s\r\n" % (len(half), half))
        self.hang_up()

    def cut_without_length(self, body):
        """The end of the connection is the end of the body: only the JSON tells that it is cut."""
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.hang_up()

    def huge(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for _ in range(96):
                self.wfile.write(b" " * 65536)
        except OSError:
            pass
        self.close_connection = True

    def huge_head(self):
        self.send_response(200)
        for i in range(80):
            self.send_header("X-%d" % i, "y" * 1000)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def slow(self, body):
        time.sleep(1.3)
        try:
            self.send(200, body)
        except OSError:
            self.close_connection = True

    # ---- the chat endpoint -------------------------------------------------------------------

    def faults(self, text):
        good = completion(text)
        key = (self.headers.get("Authorization") or "Bearer nobody")[7:]
        return [
            lambda: self.send(429, {"error": {"message": "slow down"}}, Retry_After="0"),
            lambda: self.send(500, {"error": {"message": "internal, your key is " + key}}),
            lambda: self.send(502, "<html>bad gateway</html>", "text/html"),
            lambda: self.send(503, "", Retry_After="0"),
            lambda: self.slow(good),
            lambda: self.cut(good),
            lambda: self.cut_chunked(good),
            lambda: self.cut_without_length(good),
            lambda: self.send(200, '{"choices":[{"message":{"content":"cut'),
            lambda: self.send(200, {"choices": [{"message": {"content": ["a", "list"]}, "finish_reason": "stop"}]}),
            lambda: self.send(200, {"choices": "none"}),
            lambda: self.send(200, {"error": {"message": "overloaded", "code": 502}}),
            lambda: self.send(200, [good]),
            lambda: self.send(200, "[" * 100000),
            lambda: self.huge(),
            lambda: self.huge_head(),
            lambda: self.send(200, json.dumps(completion("caf\u00e9")).replace("\\u00e9", "\u00e9").encode("latin-1")),
            lambda: self.send(200, json.dumps(completion("a\x00b"))),
            lambda: self.send(200, json.dumps(completion("lone \ud800 half"))),
            lambda: self.drop(),
            lambda: self.hang_up(),
            lambda: self.send(200, ""),
            lambda: self.send(200, completion("unfinished", None)),
            lambda: self.send(200, completion("unfinished", "insufficient_system_resource")),
            lambda: self.send(200, completion("my key is " + key)),
            lambda: self.send(200, json.dumps(good) + json.dumps(good)),
        ]

    def special(self, user, text, request):
        """Answers that a mark in the document asks for; None: an ordinary one."""
        if "[refuse]" in user:
            return lambda: self.send(400, {"error": {"message": "Content Exists Risk", "type": "invalid_request_error"}})
        if "[azure]" in user:
            return lambda: self.send(400, {"error": {"message": "filtered", "code": "content_filter"}})
        if "[filter]" in user:
            return lambda: self.send(200, completion("half a te", "content_filter"))
        if "[decline]" in user:
            return lambda: self.send(200, completion(None, "stop", refusal="I cannot help with that."))
        if "[empty]" in user:
            return lambda: self.send(200, completion("  \n"))
        if "[long]" in user:
            return lambda: self.send(200, completion(text, "length"))
        if "[toolong]" in user:
            return lambda: self.send(400, {"error": {"message": "context length exceeded,\r\n\x1b[31mred"}})
        if "[broken]" in user and not STATE["healed"]:
            key = (self.headers.get("Authorization") or "Bearer nobody")[7:]
            return lambda: self.send(500, {"error": {"message": "no luck for " + key}}, Retry_After="0")
        if "[redirect]" in user:
            elsewhere = "http://localhost:%d/elsewhere/chat/completions" % self.server.server_port
            return lambda: self.send(307, "", Location=elsewhere)
        if "[unauthorized]" in user:
            return lambda: self.send(401, {"error": {"message": "Incorrect API key provided"}})
        if "[verbose]" in user and request.get("seed", 0) % 3 != 0:
            return lambda: self.send(200, completion(text + " " + text))
        return None

    def chat(self, body):
        try:
            request = json.loads(body)
            user = request["messages"][-1]["content"]
            count = int(re.search(r"exactly (\d+) (?:words|mots)", user).group(1))
            text = " ".join(user.split(": ", 1)[1].split()[:count])
        except (ValueError, KeyError, IndexError, AttributeError):
            self.send(400, {"error": {"message": "not understood"}})
            return
        special = self.special(user, text, request)
        if special is not None:
            special()
            return
        digest = hashlib.sha256(body).digest()
        number = tries_of(digest)
        if OPTIONS.faults and number <= digest[0] % (OPTIONS.faults + 1):
            faults = self.faults(text)
            faults[(digest[1] + 7 * number) % len(faults)]()
            return
        self.send(200, completion(text))

    # ---- data sets ---------------------------------------------------------------------------

    DATASETS = {
        "mock/news": {("default", "train"): 250, ("default", "test"): 7},
        "mock/endless": {("default", "test"): -1},
        "mock/samsum": {("samsum", "train"): 12, ("samsum", "test"): 5},
        "abisee/cnn_dailymail": {("1.0.0", "test"): 3, ("3.0.0", "train"): 20, ("3.0.0", "test"): 4},
    }

    @staticmethod
    def row(dataset, index):
        if dataset == "mock/samsum":
            return {"id": "s%d" % index, "dialogue": "Ann: Number %d?\r\nBob: Yes." % index, "summary": "Bob says yes."}
        if dataset == "mock/news":
            return {"article": "Story %d of the news, caf\u00e9 included." % index, "highlights": "Story %d." % index}
        return {"id": "%040x" % index, "article": "Article %d." % index, "highlights": "In short %d." % index}

    def datasets(self, path, query):
        name = query.get("dataset", [""])[0]
        splits = self.DATASETS.get(name)
        if splits is None:
            self.send(404, {"error": "The dataset does not exist, or is not accessible without authentication."})
        elif path == "/splits":
            self.send(200, {"splits": [{"dataset": name, "config": c, "split": s} for c, s in splits], "pending": [], "failed": []})
        else:
            total = splits.get((query["config"][0], query["split"][0]))
            offset, length = int(query["offset"][0]), int(query["length"][0])
            if total is None or length > 100:
                self.send(422, {"error": "Parameter is wrong"})
            elif OPTIONS.faults and offset % 200 == 0 and tries_of(self.path) == 1:
                self.drop()
            else:
                rows = [{"row_idx": i, "row": self.row(name, i), "truncated_cells": []}
                        for i in range(offset, min(total, offset + length))]
                self.send(200, {"features": [], "rows": rows, "num_rows_total": total, "num_rows_per_page": 100, "partial": False})

    # ---- repositories ------------------------------------------------------------------------

    def tree(self, kind, name, query):
        root = os.path.join(OPTIONS.files or "/nonexistent", kind, name)
        if not os.path.isdir(root):
            self.send(404, {"error": "Repository not found"})
            return
        found = []
        for folder, _, files in os.walk(root):
            for file in files:
                path = os.path.join(folder, file)
                data = open(path, "rb").read()
                entry = {"type": "file", "path": os.path.relpath(path, root), "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                if file.endswith(".gguf"):
                    entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
                found.append(entry)
            if folder != root:
                found.append({"type": "directory", "path": os.path.relpath(folder, root), "size": 0, "oid": "0" * 40})
        found.sort(key=lambda entry: entry["path"])
        start = int(query.get("cursor", ["0"])[0])
        headers = {}
        if start + 2 < len(found):
            headers["Link"] = '<http://127.0.0.1:%d/api/%s/%s/tree/main?recursive=true&cursor=%d>; rel="next"' % (
                self.server.server_port, kind, name, start + 2)
        self.send(200, found[start:start + 2], **headers)

    def resolve(self, path):
        """Files lie on another origin, as on the real hub: localhost in place of 127.0.0.1."""
        self.send(302, "", Location="http://localhost:%d/cdn%s" % (self.server.server_port, path))

    def cdn(self, path):
        kind, name = ("datasets", path[len("/datasets/"):]) if path.startswith("/datasets/") else ("models", path[1:])
        owner, repo, file = re.fullmatch(r"([^/]+)/([^/]+)/resolve/main/(.+)", name).groups()
        try:
            data = open(os.path.join(OPTIONS.files or "/nonexistent", kind, owner, repo, file), "rb").read()
        except OSError:
            self.send(404, {"error": "Entry not found"})
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "bytes=0-").group(1))
        status, rest = (206, data[start:]) if self.headers.get("Range") else (200, data)
        if status == 206 and start >= len(data):
            self.send(416, "", Content_Range="bytes */%d" % len(data))
            return
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if OPTIONS.faults and tries_of(path) <= OPTIONS.faults and len(rest) > 1:
            self.wfile.write(rest[: len(rest) // 2])
            self.hang_up()
        else:
            self.wfile.write(rest)

    # ---- dispatch ----------------------------------------------------------------------------

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.note(body)
        if self.path.endswith("/chat/completions"):
            self.chat(body)
        else:
            self.send(404, {"error": {"message": "nothing here"}})

    def do_GET(self):
        self.note(b"")
        path, _, rest = self.path.partition("?")
        path = urllib.parse.unquote(path)
        query = urllib.parse.parse_qs(rest)
        tree = re.fullmatch(r"/api/(datasets|models)/([^/]+/[^/]+)/tree/main", path)
        if path in ("/splits", "/rows"):
            self.datasets(path, query)
        elif tree:
            self.tree(tree.group(1), tree.group(2), query)
        elif path.startswith("/cdn/"):
            self.cdn(path[4:])
        elif "/resolve/main/" in path:
            self.resolve(path)
        elif path == "/heal":
            STATE["healed"] = True
            self.send(200, "{}")
        elif path == "/echo":
            self.send(200, {"authorization": self.headers.get("Authorization")})
        elif path.startswith("/away"):
            self.send(302, "", Location=path[5:])
        else:
            self.send(404, {"error": "nothing here"})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # connections that the client or a fault has closed


def main():
    global OPTIONS
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=0)
    parser.add_argument("--files")
    parser.add_argument("--log")
    OPTIONS = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
