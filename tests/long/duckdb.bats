# salient import of Parquet files, through the program duckdb: the one that is installed, else the one of PyPI.
load ../cli/common

setup_file() {
    export DUCKDB_FOLDER=
    command -v duckdb >/dev/null && return
    local folder=${SALIENT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/salient}/duckdb-cli-1.5.6
    [ -x "$folder/bin/duckdb" ] || {
        python3 -m venv "$folder.part"
        "$folder.part/bin/python" -m pip install --quiet duckdb-cli==1.5.6
        mkdir -p "$folder/bin"
        cp "$(find "$folder.part" -path '*/duckdb_cli/duckdb' -type f)" "$folder/bin/duckdb"
        rm -rf "$folder.part"
    }
    DUCKDB_FOLDER=$folder/bin
}

start() {
    export SALIENT_CACHE=$PWD/cache
    [ -z "$DUCKDB_FOLDER" ] || export PATH="$DUCKDB_FOLDER:$PATH"
}

write_parquet() { # file
    duckdb -c "COPY (SELECT * FROM (VALUES ('a', 'The ferry sank. It''s gone.', 'Ferry sinks.'), ('b', 'Ça va, \"très\" bien.', NULL))
        AS t(id, article, highlights)) TO '$1' (FORMAT parquet)" >/dev/null
}

documents() {
    "$SALIENT" export study --table documents |
        python3 -c 'import json,sys
for line in sys.stdin: d = json.loads(line); print(d["corpus"], d["document"], d["text"], d["reference"])'
}

@test "rows of a Parquet file are documents" {
    start
    write_parquet news.parquet
    salient import study news.parquet
    expect 0
    documents >list
    same list <<'END'
news a The ferry sank. It's gone. Ferry sinks.
news b Ça va, "très" bien. None
END
    [ -z "$(find cache -type f)" ]
    salient import study news.parquet
    expect 0
    grep -qF '0 documents done, 2 kept, 0 failed' err
}

@test "a file is a file, whatever it is called" {
    start
    write_parquet plain.parquet
    for name in "it's.parquet" 'a[1]*.parquet' -v 'x; DROP.parquet'; do
        cp plain.parquet "./$name"
        rm -rf study
        salient import study "./$name"
        expect 0
        [ "$(documents | wc -l)" -eq 2 ]
    done
    # Only the file that was named.
    cp plain.parquet a1z.parquet
    rm -rf study
    salient import study './a[1]*.parquet'
    expect 0
    grep -qF '2 documents done, 0 kept, 0 failed' err
}

@test "a damaged file is refused with duckdb's words, and the study is as it was" {
    start
    printf 'PAR1 and then nothing of use' >bad.parquet
    salient import study bad.parquet
    expect 1
    grep -qE '^salient import: bad.parquet: duckdb could not read it: .+' err
    [ -z "$(find cache -type f)" ]
}
