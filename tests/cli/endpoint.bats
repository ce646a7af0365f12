# salient summarize --with api:MODEL@BASE_URL, against the mock server on this machine.
load common

KEY=sk-bats-0123456789

start_server() { # options of the server; BASE is then its address
    mkfifo hold
    python3 "$SOURCE/tests/support/mock_server.py" --log "$PWD/requests" "$@" <hold >port 3>&- &
    exec 8>hold
    for _ in $(seq 100); do
        [ -s port ] && break
        sleep 0.1
    done
    PORT=$(cat port)
    BASE=http://127.0.0.1:$PORT
}

teardown() {
    exec 8>&- || true
}

documents() {
    cat >articles.jsonl <<'END'
{"id":"ferry","text":"The ferry sank near the harbour. Nobody was hurt."}
{"id":"risk","text":"[refuse] A text that the server will not summarize."}
{"id":"ill","text":"[broken] The server is ill when it reads this."}
END
    salient import study articles.jsonl --corpus news
    expect 0
}

rows() {
    "$SALIENT" export study --table summaries |
        python3 -c 'import json,sys
for line in sys.stdin: d = json.loads(line); print(d["document"], d["summarizer"], d["length"], d["status"], repr(d["text"]), d["error"])'
}

@test "texts, refusals and failures; the next run takes up what failed" {
    start_server
    documents
    export SALIENT_API_KEY=$KEY
    salient summarize study --with "api:org/mock@$BASE/v1" --lengths 3,5 --attempts 2
    expect 3
    [ ! -s out ]
    grep -qF 'org/mock: 4 summaries done, 0 kept, 2 failed, 2 refused, 0 truncated' err
    grep -qF 'document ill of news, length 3: failed: HTTP 500: no luck for [key]' err
    rows >list
    same list <<'END'
ferry org/mock 3 ok 'The ferry sank' None
ferry org/mock 5 ok 'The ferry sank near the' None
risk org/mock 3 refused '' HTTP 400: Content Exists Risk
risk org/mock 5 refused '' HTTP 400: Content Exists Risk
ill org/mock 3 failed '' HTTP 500: no luck for [key]
ill org/mock 5 failed '' HTTP 500: no luck for [key]
END
    python3 -c "import urllib.request; urllib.request.urlopen('$BASE/heal').read()"
    salient summarize study --with "api:org/mock@$BASE/v1" --lengths 3,5
    expect 0
    grep -qF 'org/mock: 2 summaries done, 4 kept, 0 failed' err
    rows | grep -qF "ill org/mock 5 ok '[broken] The server is ill' None"
    salient verify study
    expect 0
    # The fingerprint of what served the texts is in the run log; the key is nowhere but at the server.
    "$SALIENT" export study --table runs | grep -qF 'system_fingerprint of org/mock@127.0.0.1\":\"fp_mock'
    grep -qF "Bearer $KEY" requests
    [ "$(grep -rlF "$KEY" study out err | wc -l)" -eq 0 ]
}

@test "what a request holds" {
    start_server
    documents
    salient summarize study --with "api:mock@$BASE" --lengths 3 --limit 1 --seed 7 --temp 0.2 --top-p 0.9 --max-tokens 50
    expect 0
    python3 - <<'END' >list
import json
seen = json.loads(open("requests").read().splitlines()[0])
body = json.loads(seen["body"])
print(seen["method"], seen["path"], seen["authorization"])
print(isinstance(body.pop("seed"), int), json.dumps(body, sort_keys=True))
END
    same list <<'END'
POST /chat/completions None
True {"max_tokens": 50, "messages": [{"content": "You are a helpful assistant that produces article summaries. Provide ONLY the summary text.", "role": "system"}, {"content": "Summarize the following text in exactly 3 words: The ferry sank near the harbour. Nobody was hurt.", "role": "user"}], "model": "mock", "stream": false, "temperature": 0.2, "top_p": 0.9}
END
}

@test "prices give what a run cost, told and in the run log" {
    start_server
    documents
    salient summarize study --with "api:mock@$BASE" --lengths 3,5 --limit 1 --price-in 2 --price-out 10
    expect 0
    grep -qF 'mock: 2 requests, 0 of them sent again; 200 tokens of prompts, 14 of texts; cost 0.00054' err
    "$SALIENT" export study --table runs | tail -n 1 |
        grep -qF '"cost of mock@127.0.0.1\":\"0.00054'
    # Prices change no text: the same summarizer, and nothing to pay.
    salient summarize study --with "api:mock@$BASE" --lengths 3,5 --limit 1
    expect 0
    grep -qF 'mock: 0 summaries done, 2 kept' err
    lacks err cost
}

@test "a key of no particular host is used only when the command names one host" {
    start_server
    documents
    export SALIENT_API_KEY=$KEY
    salient summarize study --with "api:a@$BASE" --with "api:b@http://localhost:$PORT" --lengths 3 --limit 1
    expect 0
    [ "$(grep -cF '"authorization": null' requests)" -eq 2 ]
    salient summarize study --with "api:c@$BASE" --with "api:d@$BASE/v1" --with lead --lengths 3 --limit 1
    expect 0
    [ "$(grep -cF "Bearer $KEY" requests)" -eq 2 ]
    env LOCALHOST_API_KEY=own-key "$SALIENT" summarize study --with "api:e@http://localhost:$PORT" --lengths 3 --limit 1 2>err
    [ "$(grep -cF 'Bearer own-key' requests)" -eq 1 ]
}

@test "addresses that may not be used, and secrets in them, are refused before anything is written" {
    documents
    cp study/study.db before.db
    salient summarize study --with api:mock
    expect 2
    first_line 'salient summarize: an endpoint is api:MODEL@BASE_URL with a BASE_URL of https://, or of http:// on this machine; for example api:deepseek-chat@https://api.deepseek.com'
    salient summarize study --with api:mock@http://example.org/v1
    expect 2
    first_line 'salient summarize: --with api:MODEL@BASE_URL: http goes to this machine only (localhost); use https for example.org'
    salient summarize study --with api:mock@https://me:s3cret@example.org/v1
    expect 2
    first_line 'salient summarize: --with api:MODEL@BASE_URL: the address holds a user name or password; keys belong in the environment, nowhere else'
    salient summarize study --with 'api:mock@https://example.org/v1?key=s3cret'
    expect 2
    lacks err s3cret
    cmp study/study.db before.db
    env -u DEEPSEEK_API_KEY -u SALIENT_API_KEY "$SALIENT" summarize study --with api:deepseek-chat@https://api.deepseek.com 2>err && return 1
    grep -qF 'api.deepseek.com: no key is there: put it into the environment variable DEEPSEEK_API_KEY' err
}

@test "a server whose certificate does not hold gets nothing" {
    command -v openssl >/dev/null || skip "openssl is not there"
    documents
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 1 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    cat >tls.py <<'END'
import http.server, ssl, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        open("got", "w").write(str(self.headers))
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
END
    mkfifo hold
    python3 tls.py <hold >port 2>/dev/null 3>&- &
    exec 8>hold
    for _ in $(seq 100); do
        [ -s port ] && break
        sleep 0.1
    done
    export SALIENT_API_KEY=$KEY
    salient summarize study --with "api:mock@https://127.0.0.1:$(cat port)/v1" --lengths 3
    expect 1
    grep -qF 'SSL certificate problem' err
    [ ! -e got ]
}
