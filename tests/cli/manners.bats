# What every command owes a person at a terminal: help, suggestions, exit statuses, streams, colours.
load common

@test "the program's help names every command and goes to standard output" {
    salient --help
    expect 0
    for command in import summarize importance report export verify 'model info' 'model convert' doctor help completion; do
        grep -qE "^  $command +[a-z]" out
    done
    [ ! -s err ]
    cp out first
    salient help
    expect 0
    same out <first
}

@test "every command's help shows usage, options, defaults and runnable examples" {
    for command in import summarize importance report export verify 'model info' 'model convert' doctor help completion; do
        salient $command --help
        expect 0
        head -n 1 out | grep -qE "^usage: salient $command .*\[options\]$"
        grep -q -- '-h, --help' out
        [ "$(sed -n '/^Examples$/,$p' out | grep -c 'salient ')" -ge 2 ]
        cp out first
        salient help $command
        same out <first
    done
    salient summarize --help
    grep -q 'default: 10:100:10' out
}

@test "help is wrapped to the width that COLUMNS names" {
    COLUMNS=60 salient importance --help
    expect 0
    [ "$(sed '/^Examples$/,$d' out | awk '{ if (length($0) > most) most = length($0) } END { print most }')" -le 60 ]
}

@test "help wins over mistakes and needs no study" {
    salient export --table nonsense --bogus --help
    expect 0
}

@test "a family of commands has a help of its own" {
    salient model --help
    expect 0
    grep -q '^usage: salient model info MODEL' out
    grep -q '^usage: salient model convert IN OUT' out
    salient model
    usage_error ': model: which of its commands?' '`salient model --help` lists its commands'
}

@test "the version is one line" {
    salient --version
    expect 0
    [ "$(wc -l <out)" -eq 1 ]
    grep -qE '^salient [0-9]+\.[0-9]+\.[0-9]+ \(libllama ' out
}

@test "mistyped words suggest the nearest" {
    salient imprt study x
    usage_error ": there is no command 'imprt'; did you mean 'import'?" '`salient --help` lists the commands'
    salient frobnicate
    usage_error ": there is no command 'frobnicate'" '`salient --help` lists the commands'
    salient model convrt a b
    usage_error ": there is no command 'model convrt'; did you mean 'model convert'?" '`salient model --help` lists its commands'
    salient importance study --protocl paper
    usage_error ' importance: there is no option --protocl; did you mean --protocol?' '`salient importance --help` lists the options'
    salient importance study --protocol papr
    usage_error " importance: --protocol takes strict or paper, not 'papr'" 'did you mean --protocol paper?'
    salient summarize study --with leda
    usage_error " summarize: --with: there is no summarizer 'leda'; did you mean lead?" '--with takes a GGUF file, or one of: lead tail random frequency tfidf textrank lexrank reference'
    salient export study --table summariez
    expect 2
    first_line "salient export: there is no table 'summariez'; did you mean summaries?"
    salient --versio
    usage_error ': there is no option --versio; did you mean --version?' 'usage: salient COMMAND [arguments] [options]'
}

@test "numbers must be numbers to their last letter, and in range" {
    salient summarize study --with lead --seed 7x
    expect 2
    first_line "salient summarize: --seed takes a whole number from 0 to 18446744073709551615, not '7x'"
    salient summarize study --with lead --lengths 10:100:ten
    expect 2
    first_line "salient summarize: --lengths takes whole numbers of words from 1 to 100000 (10:100:10 or 10,20,50), not 'ten'"
    salient summarize study --with lead --lengths 20,10
    expect 2
    first_line "salient summarize: --lengths takes lengths in ascending order, not '20,10'"
    salient summarize study --with lead --replicas 0
    expect 2
    first_line "salient summarize: --replicas takes a whole number from 1 to 1000, not '0'"
    salient summarize study --with lead --top-p 1.5
    expect 2
    first_line "salient summarize: --top-p takes a number from 0 to 1, not '1.5'"
}

@test "what is missing or too much is named" {
    salient
    usage_error ': a command is needed' '`salient --help` lists the commands'
    salient import study
    usage_error ' import: FILE... is needed' '`salient import --help` lists the options'
    salient summarize study --with
    usage_error ' summarize: --with needs a value: --with W' '--with W: summarizer: a GGUF file, api:MODEL@BASE_URL, lead, tail, random, frequency, tfidf, textrank, lexrank or reference; may be repeated'
    salient summarize study
    usage_error ' summarize: --with is needed: which summarizer?' 'example: --with lead, or --with model.gguf'
    salient verify one two
    usage_error " verify: 'two' is one argument too many" '`salient verify --help` lists the options'
    salient export study
    usage_error ' export: --table is needed (or --layout original and a folder)' 'example: salient export mystudy --table summaries --format csv'
    salient importance
    usage_error ' importance: STUDY is needed (or --summaries FILE)' 'usage: salient importance STUDY [options]'
    salient summarize study --with lead --with random --as both
    usage_error ' summarize: --as names one summarizer, but there are 2 --with' 'name them in one command each'
}

@test "reading a study that is not there fails and makes none" {
    for command in 'importance nowhere' 'summarize nowhere --with lead' 'export nowhere --table documents' 'verify nowhere' \
        'report nowhere'; do
        salient $command
        expect 1
        grep -qF 'nowhere: no study there; make one with: salient import nowhere FILE' err
        [ ! -e nowhere ]
    done
}

@test "a full disk behind standard output is a failure" {
    [ -e /dev/full ] || skip 'no /dev/full'
    small_study
    for command in 'export study --table documents' 'importance study --format jsonl' 'importance study' 'verify study' \
        'model info --help' '--help' '--version'; do
        status=0
        "$SALIENT" $command >/dev/full 2>err || status=$?
        [ "$status" -eq 1 ]
        grep -q 'standard output' err
    done
}

@test "a standard stream that is closed never lends its number to a file" {
    small_study
    "$SALIENT" export study --table documents -o whole
    "$SALIENT" export study --table documents -o closed 0<&- 1>&- 2>&-
    cmp whole closed
    "$SALIENT" model info --help >&- 2>err && return 1
    grep -q 'standard output' err
    # Progress and notes go to standard error: without one they must not go into the study, either.
    "$SALIENT" summarize study --with tail --lengths 2:8:2 2>&-
    salient verify study && expect 0
}

@test "a limit on the size of files is an error with its text, and leaves nothing half-written" {
    small_study
    status=0
    (ulimit -f 8; "$SALIENT" report study -o page.html >out 2>err) || status=$?
    [ "$status" -eq 1 ]
    grep -qF 'page.html: cannot be written: File too large' err
    [ -z "$(ls page.html* 2>/dev/null)" ]
}

@test "signals in one breath ask for one end; a later one forces it" {
    mkfifo records
    "$SALIENT" import study - <records >out 2>err &
    local pid=$!
    exec 9>records # the program now waits for records
    sleep 0.5
    kill -INT "$pid"
    sleep 0.05
    kill -INT "$pid" # timeout(1) and batch systems signal the process and its group
    sleep 0.7
    kill -0 "$pid"
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    exec 9>&-
    [ "$status" -eq 130 ]
}

@test "-q is silent, -v tells the options in force, both only on standard error" {
    small_study
    salient summarize study --with lead --lengths 2:8:2 -q
    expect 0
    [ ! -s err ]
    [ ! -s out ]
    salient summarize study --with lead --lengths 2:8:2 -v
    expect 0
    [ ! -s out ]
    grep -q 'options in force: {"with":\["lead"\]' err
    grep -qE '^salient summarize: lead: 0 documents done, 2 kept, 0 failed; [0-9.]+ s, CPU [0-9.]+ s, peak [0-9]+ MiB$' err
}

@test "no colour in a file, colour when asked for" {
    small_study
    salient importance study
    lacks out $'\033'
    salient importance study --color always
    grep -q $'\033' out
    NO_COLOR=1 salient importance study --color auto
    lacks out $'\033'
}

@test "-- ends the options, - is standard input" {
    printf 'Text from a pipe.' | "$SALIENT" import -q study --format txt -- -
    salient export study --table documents
    expect 0
    grep -q '"document":"stdin"\|"text":"Text from a pipe."' out
}

@test "a second run changes nothing" {
    small_study
    salient export study --table summaries
    cp out first
    salient summarize study --with lead --with random --with reference --lengths 2:8:2
    expect 0
    salient export study --table summaries
    same out <first
}

@test "doctor says what is at work, and what is missing" {
    salient doctor
    expect 0
    grep -qE '^ok +salient +[0-9]' out
    grep -qE '^ok +parts +SQLite [0-9].*jansson [0-9].*PCRE2 [0-9].*ICU [0-9]' out
    salient doctor nowhere.gguf
    [ "$status" -eq 1 ]
    grep -qE '^MISSING +model +' out
    grep -q 'to repair it: ' out
    salient doctor --json
    expect 0
    python3 -c 'import json,sys; rows = json.load(open("out")); assert all(r["ok"] for r in rows), rows'
}

@test "the manual page, the commands' page and the completion are made from the same tables" {
    salient help --man
    expect 0
    head -n 1 out | grep -q '^\.TH SALIENT 1'
    salient help --markdown
    expect 0
    same "$SOURCE/docs/commands.md" <out
    salient completion bash
    expect 0
    bash -n out
    salient completion fish
    usage_error " completion: no completion for 'fish', only for bash" 'salient completion bash'
}

@test "the completion completes commands, options and choices" {
    salient completion bash
    cat >try.bash <<'END'
source ./out
complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _salient; echo "${COMPREPLY[*]}"; }
complete_words salient imp
complete_words salient export study --ta
complete_words salient importance study --protocol p
complete_words salient model convert a b --ty
END
    bash try.bash >tried
    same tried <<<'import importance
--table
paper
--type'
}
