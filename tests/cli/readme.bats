# What README.md tells a newcomer to type works as it stands.
load common

@test "the five-minute tour runs line by line" {
    mkdir bin && ln -s "$SALIENT" bin/salient && ln -s "$SOURCE/examples" examples
    # The first ```sh block; a line that fails ends the test and names itself.
    sed -n '/^```sh$/,/^```$/p' "$SOURCE/README.md" | sed '1d;/^```$/,$d' >tour.sh
    [ "$(grep -c '^salient ' tour.sh)" -ge 7 ]
    PATH="$PWD/bin:$PATH" bash -e -o pipefail tour.sh >tour.out 2>&1 </dev/null || { cat tour.out; return 1; }
    [ -s importance.csv ]
    head -n 1 importance.csv | grep -q '^corpus,document,summarizer,protocol,word,count,of,importance,content_word'
    [ -s mystudy.html ]
}

@test "README.md quotes only what bench/RESULTS.md holds" {
    sed -n '/^## How fast/,/^## /p' "$SOURCE/README.md" | grep -oE '[0-9.]+ times as fast|[0-9.]+ of it' | sort -u >quoted
    [ "$(wc -l <quoted)" -ge 8 ]
    while read -r ratio rest; do
        # a ratio may be rounded: 2.9 stands for 2.87
        python3 - "$ratio" "$rest" "$SOURCE/bench/RESULTS.md" <<'PYTHON' || { echo "$ratio $rest is not in RESULTS.md"; return 1; }
import re, sys
quoted, rest, path = sys.argv[1:]
places = len(quoted.partition(".")[2])
rows = [row.split("|") for row in open(path) if row.startswith("|")]
found = [float(m[1]) for row in rows if len(row) > 4 and (m := re.match(r"\s*([\d.]+) (?:times as fast|of)", row[4]))]
sys.exit(not any(f"{value:.{places}f}" == quoted for value in found))
PYTHON
    done <quoted
}

@test "every salient command that README.md shows exists with the options shown" {
    grep -o -E '^    salient [a-z]+.*' "$SOURCE/README.md" | sed 's/ *#.*//' >lines
    [ -s lines ]
    while read -r _ command rest; do
        "$SALIENT" "$command" --help >help
        for option in $(grep -o -E -- '--[a-z-]+' <<<"$rest"); do
            grep -q -e "$option" help || { echo "salient $command has no $option"; return 1; }
        done
    done <lines
}
