# The reference values of LexRank against the PyPI package lexrank.
load ../cli/common

@test "LexRank's reference equals the package lexrank, given the same sentences and words" {
    local folder=${SALIENT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/salient}/bench-extractive-venv
    # As bench/extractive makes it.
    cmp -s "$SOURCE/bench/requirements-extractive.txt" "$folder/requirements.txt" || {
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --no-cache-dir --requirement "$SOURCE/bench/requirements-extractive.txt"
        cp "$SOURCE/bench/requirements-extractive.txt" "$folder/requirements.txt"
    }
    "$folder/bin/python" "$SOURCE/tests/long/peers.py" "$SOURCE/tests/golden/baselines.json" >list
    [ "$(tail -n 1 list)" = '6 documents' ]
}
