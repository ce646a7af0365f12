# salient summarize --with api:MODEL@BASE_URL against a real server: llama.cpp's own, with the demo model in bf16.
load ../cli/common

KEY=sk-real-0123456789

setup_file() {
    SALIENT=${SALIENT:-$PWD/build/salient}
    SOURCE=${SALIENT_SOURCE:-$PWD}
    export MODEL=$SOURCE/deps/models/SmolLM2-135M-Instruct.bf16.gguf
    "$SOURCE/scripts/deps" --server
    [ -s "$MODEL" ] ||
        "$SALIENT" model convert "$SOURCE/deps/models/SmolLM2-135M-Instruct.Q4_1.gguf" "$MODEL" --type bf16
    export SERVER=$SOURCE/deps/llama-server
}

# Start a server with these options; it listens on BASE, and ends with the test. The port is the kernel's choice, and stays.
start_server() {
    PORT=${PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
    BASE=http://127.0.0.1:$PORT
    OMP_WAIT_POLICY=passive "$SERVER" --model "$MODEL" --alias smollm2 --host 127.0.0.1 --port "$PORT" --threads 2 \
        --no-webui "$@" >server.log 2>&1 3>&- &
    SERVER_ID=$!
}

server_is_ready() {
    for _ in $(seq 300); do
        python3 -c "import urllib.request; urllib.request.urlopen('$BASE/health').read()" 2>/dev/null && return
        sleep 0.2
    done
    cat server.log
    return 1
}

teardown() {
    [ -z "${SERVER_ID:-}" ] || kill "$SERVER_ID" 2>/dev/null || true
}

documents() {
    salient import study "$SOURCE/examples/demo/news.jsonl" --corpus news --limit "$1"
    expect 0
}

query() { # SQL; columns apart by |
    python3 -c 'import sqlite3, sys
for row in sqlite3.connect("file:study/study.db?mode=ro", uri=True).execute(sys.argv[1]): print(*row, sep="|")' "$1"
}

texts() { # summarizer
    query "SELECT document, length, status, replace(text, char(10), ' ') FROM summaries JOIN summarizers USING (summarizer)
        WHERE name = '$1' ORDER BY document, length"
}

ask() { # name, then options of summarize
    local name=$1
    shift
    salient summarize study --with "api:smollm2@$BASE/v1" --as "$name" --lengths 10,20,30 --max-tokens 40 "$@"
}

@test "summaries of several documents, with tokens, statuses and what served them" {
    documents 3
    export SALIENT_API_KEY=$KEY
    start_server --ctx-size 8192 --parallel 4 --api-key "$KEY"
    # No waiting: while the model loads, requests are turned away and sent again.
    ask served --jobs 4
    expect 0
    grep -qF 'served: 9 summaries done, 0 kept, 0 failed' err
    grep -qE 'smollm2: [0-9]+ requests, [0-9]+ of them sent again; [0-9]+ tokens of prompts, [0-9]+ of texts' err
    query "SELECT count(*), min(tokens) > 0, max(tokens) <= 40, min(prompt_tokens) > 200, min(words) > 0,
        sum(status NOT IN ('ok', 'truncated')), sum((status = 'truncated') <> (tokens = 40)) FROM summaries" >facts
    [ "$(cat facts)" = '9|1|1|1|1|0|0' ] || { cat facts; return 1; }
    "$SALIENT" export study --table runs | grep -qF 'system_fingerprint of smollm2@127.0.0.1\":\"b'
    [ "$(grep -rlF "$KEY" study out err | wc -l)" -eq 0 ]
    salient summarize study --with "api:smollm2@$BASE/v1" --as served --lengths 10,20,30 --max-tokens 40
    expect 0
    grep -qF 'served: 0 summaries done, 9 kept, 0 failed' err
    salient verify study
    expect 0
    # A key that is not the server's ends the run at once.
    SALIENT_API_KEY=sk-wrong ask other
    expect 1
    grep -qF '127.0.0.1: HTTP 401' err
    lacks err sk-wrong
}

# A server that computes requests together, or takes over what it knows of an earlier prompt, rounds otherwise: texts then part.
@test "one request at a time, nothing taken over, the same seed: the same texts; another seed: others" {
    documents 2
    start_server --ctx-size 4096 --parallel 1 --no-cache-prompt
    server_is_ready
    for name in a b; do
        ask $name --jobs 1 --seed 7
        expect 0
    done
    ask c --jobs 1 --seed 8
    expect 0
    texts a >a
    texts b >b
    texts c >c
    diff a b
    [ "$(diff a c | grep -c '^<')" -ge 5 ]
}

@test "greedy, the server and libllama inside agree on what they say first" {
    documents 2
    start_server --ctx-size 4096 --parallel 1
    server_is_ready
    ask served --jobs 1 --temp 0
    expect 0
    salient summarize study --with "$MODEL" --as local --lengths 10,20,30 --max-tokens 40 --temp 0 --compute stock
    expect 0
    texts served >served
    texts local >local
    # Rounding differs between batches, so texts may part at some point: not in their first three words.
    cut -d'|' -f1,2,4 served | cut -d' ' -f1-3 >first_served
    cut -d'|' -f1,2,4 local | cut -d' ' -f1-3 >first_local
    [ "$(wc -l <first_served)" -eq 6 ]
    diff first_served first_local
}

@test "a document beyond the server's context fails with the server's words, and the others are made" {
    documents 1
    python3 -c 'import json; print(json.dumps({"id": "long", "text": "word " * 6000}))' >long.jsonl
    salient import study long.jsonl --corpus news
    expect 0
    start_server --ctx-size 2048 --parallel 1
    server_is_ready
    ask served --jobs 2
    expect 3
    grep -qF 'served: 3 summaries done, 0 kept, 3 failed' err
    grep -qE 'document long of news, length 10: failed: HTTP 400: .*exceeds the available context' err
}

@test "a server that goes away in the middle: what is made is kept, the next run goes on" {
    documents 4
    start_server --ctx-size 4096 --parallel 1
    server_is_ready
    "$SALIENT" summarize study --with "api:smollm2@$BASE/v1" --as served --lengths 10,20,30 --max-tokens 40 --jobs 1 \
        --attempts 1 2>err &
    local run=$!
    for _ in $(seq 300); do
        grep -qs 'stop processing' server.log && break
        sleep 0.1
    done
    kill -KILL "$SERVER_ID"
    wait "$run" && return 1
    made=$(query "SELECT count(*) FROM summaries WHERE status IN ('ok', 'truncated')")
    [ "$made" -ge 1 ] && [ "$made" -lt 12 ]
    start_server --ctx-size 4096 --parallel 1
    server_is_ready
    salient summarize study --with "api:smollm2@$BASE/v1" --as served --lengths 10,20,30 --max-tokens 40 --jobs 1
    expect 0
    grep -qF "served: $((12 - made)) summaries done, $made kept, 0 failed" err
}
