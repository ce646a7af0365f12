# Linear probes against scikit-learn, from what `salient probe --arrays` writes; control vectors against gguf-py.
load ../cli/common

setup_file() {
    local folder=${SALIENT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/salient}/test-probe-venv
    local wanted=${SALIENT_SOURCE:-$PWD}/tests/long/requirements-probe.txt
    cmp -s "$wanted" "$folder/requirements.txt" || {
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --no-cache-dir --requirement "$wanted"
        cp "$wanted" "$folder/requirements.txt"
    }
    export VENV_PYTHON=$folder/bin/python
}

# Articles of a few sentences about different things, and one pair that is nearly the same.
write_articles() { # count
    python3 - "$1" <<'END' >articles.jsonl
import json, random, sys
random.seed(7)
things = 'harbour market bridge school library station tower garden museum factory'.split()
acts = 'closed opened burned flooded moved grew shrank reopened vanished won'.split()
for i in range(int(sys.argv[1])):
    words = [random.choice(things) for _ in range(5)]
    text = ' '.join(f'The {w} of district {random.randrange(99)} {random.choice(acts)} after {random.randrange(2, 60)} days, said {random.choice("Ann Bob Cleo Dan Eve".split())}.' for w in words)
    print(json.dumps({'id': f'd{i}', 'text': text}))
    if i == 0:
        print(json.dumps({'id': 'again', 'text': text + ' Again.'}))
END
}

recompute() { # articles
    write_articles "$1"
    salient import study articles.jsonl --corpus news && expect 0
    salient summarize study --with lead --lengths 5:30:5 && expect 0
    salient importance study && expect 0
    salient states study --model "$MODEL" --layers 0,10,30 && expect 0
    salient probe study --by lead --controls none --arrays arrays && expect 0
    "$SALIENT" export study --table probes >probes.jsonl
    "$VENV_PYTHON" "$SOURCE/tests/long/ridge.py" arrays/news probes.jsonl >list
    cat list
    [ "$(tail -n 1 list)" = '18 metrics' ]
}

@test "predictions, penalties and metrics of five folds equal scikit-learn's to 1e-6" {
    demo_model
    recompute 24
}

@test "and those of one split" {
    demo_model
    recompute 59
}

@test "gguf-py reads a control vector as llama.cpp's loader does" {
    demo_model
    recompute 8
    salient probe study --model "$MODEL" --by lead --control-vector vector.gguf --layer 10 && expect 0
    "$VENV_PYTHON" - <<'END'
from gguf import GGUFReader
reader = GGUFReader('vector.gguf')
text = lambda key: bytes(reader.fields[key].parts[-1]).decode()
assert text('general.architecture') == 'controlvector' and text('controlvector.model_hint') == 'llama'
assert reader.fields['controlvector.layer_count'].parts[-1][0] == 1
tensor, = reader.tensors
assert tensor.name == 'direction.9' and list(tensor.shape) == [576] and tensor.tensor_type.name == 'F32'
assert tensor.data.shape == (576,) and abs(tensor.data).max() > 0
END
}

@test "the documented line of Python makes of the original's article_{id}.pt what the audit reads" {
    local torch=${SALIENT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/salient}/bench-venv/bin/python
    [ -x "$torch" ] || { echo "SKIPPED 1: no PyTorch (bench/generate brings it)"; skip "no PyTorch"; }
    printf '{"id":"7","text":"The ferry sank near the harbour. Nobody was hurt."}\n' >one.jsonl
    salient import study one.jsonl --corpus cnn_dailymail && expect 0
    # As _0_targeted_hidden_extraction.py of the original saves it.
    "$torch" - <<'END'
import torch
word = lambda position, count: {'hidden_states': torch.zeros(3, 8).half(), 'score': .5, 'position': position, 'num_tokens': 1,
                                'num_occurrences': count, 'aggregation_strategy': 'average', 'word_original': 'x'}
torch.save({'article_id': '7', 'word_hidden_states': {'ferry': word(2, 1), 'the': word(1, 5), 'summarize': word(9, 1)},
            'context_hidden_states': torch.zeros(3, 8).half(), 'article_end_pos': 12, 'seq_len': 30, 'num_layers': 3, 'hidden_dim': 8,
            'num_target_words': 3}, 'article_7.pt')
END
    grep -E '^    python -c "import sys, numpy' "$SOURCE/docs/probes.md" | sed "s|^    python|$torch|" >convert
    [ "$(wc -l <convert)" -eq 1 ]
    bash convert
    salient probe study --audit article_7.safetensors --json && expect 0
    python3 -c "import json; a = json.load(open('out')); assert (a['words'], a['outside'], a['repeated']) == (3, 1, 1), a"
}
