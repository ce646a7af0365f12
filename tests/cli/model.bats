# salient model, and summaries by a local model: with the demo model of scripts/deps.
load common

@test "info describes a model for people and for programs" {
    demo_model
    salient model info "$MODEL"
    expect 0
    grep -qE '^layers +30$' out
    grep -qE '^heads +9 \(3 of keys and values\)$' out
    grep -qE '^preset +temperature 0.7, top-p 1, top-k 50, repetition penalty 1$' out
    salient model info "$MODEL" --json
    expect 0
    python3 -c 'import json
m = json.load(open("out"))
assert (m["architecture"], m["layers"], m["heads"], m["heads_kv"], m["width"]) == ("llama", 30, 9, 3, 576), m
assert m["chat_template_known"] is True and "im_start" in m["chat_template"], m'
}

@test "what is no model is named, what is missing too" {
    echo 'plain text' >text.gguf
    salient model info text.gguf
    expect 1
    grep -qF 'text.gguf' err
    salient model info nowhere.gguf
    expect 1
    grep -qF 'nowhere.gguf' err
}

@test "convert writes a whole file or none" {
    demo_model
    salient model convert "$MODEL" out.gguf --type q8_O
    usage_error_starts "salient model convert: there is no type 'q8_O'; did you mean q8_0?"
    salient model convert "$MODEL" out.gguf
    usage_error ' model convert: --type is needed' 'example: salient model convert in.gguf out.gguf --type bf16'
    echo 'plain text' >text.gguf
    salient model convert text.gguf out.gguf --type f16
    expect 1
    [ ! -e out.gguf ]
    [ "$(ls | grep -c partial)" -eq 0 ]
    echo 'what a killed conversion left' >out.gguf.partial
    salient model convert "$MODEL" out.gguf --type q8_0
    expect 0
    [ "$(ls | grep -c partial)" -eq 0 ]
    grep -qE 'out.gguf: written; ' err
    salient model info out.gguf --json
    python3 -c 'import json; assert "Q8_0" in json.load(open("out"))["type"]'
}

usage_error_starts() {
    expect 2
    first_line "$1"
}

@test "a model summarizes; an interrupted run goes on and ends with the same rows" {
    demo_model
    salient import study "$SOURCE/examples/demo/news.jsonl" --limit 4 --corpus news
    cp -r study whole
    options=(--with "$MODEL" --as smol --lengths 10,20 --length-policy trim --template text-first --max-tokens 60 --threads 2)
    salient summarize whole "${options[@]}"
    expect 0
    grep -qE '^salient summarize: smol: 4 documents done, 0 kept, 0 failed' err
    "$SALIENT" summarize study "${options[@]}" >out 2>err &
    pid=$!
    for _ in $(seq 200); do # until the first document is stored
        count=$("$SALIENT" export study --table summaries 2>/dev/null | wc -l)
        [ "$count" -gt 0 ] && break
        sleep 0.05
    done
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    if [ "$status" -ne 0 ]; then # it may have been done already on a fast machine
        [ "$status" -eq 130 ]
        grep -qF 'interrupted; what was finished is kept' err
    fi
    salient summarize study "${options[@]}"
    expect 0
    salient export whole --table summaries
    cp out first
    salient export study --table summaries
    same out <first
    salient verify study
    expect 0
}

@test "another configuration under a name that exists is refused" {
    demo_model
    salient import study "$SOURCE/examples/demo/news.jsonl" --limit 1 --corpus news
    salient summarize study --with "$MODEL" --as smol --lengths 10 --max-tokens 20 --length-policy trim
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
    salient summarize study --with "$MODEL" --as smol --lengths 10 --max-tokens 20 --length-policy trim --temp 0.3
    expect 1
    grep -qF -- '--as' err
    grep -qF 'temperature' err
}
