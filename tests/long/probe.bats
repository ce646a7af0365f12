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

model() {
    MODEL=$(find -L "$DEPS/models" -name '*Q4_1.gguf' 2>/dev/null | head -n 1)
    [ -n "$MODEL" ] || skip "no demo model below $DEPS/models: scripts/deps brings it"
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
    model
    recompute 24
}

@test "and those of one split" {
    model
    recompute 59
}

@test "gguf-py reads a control vector as llama.cpp's loader does" {
    model
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
