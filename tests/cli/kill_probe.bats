# Killed while states are taken or probes train, the next run goes on: exports, states and weights are those of a run that was never killed.
load common
load kill_probe

@test "states killed at many moments are those of a run that was not" {
    demo_model
    two_studies
    salient states whole --model "$MODEL" && expect 0
    run_with_kills '150 300 450 600 750 900 1100 1300' states killed --model "$MODEL"
    same_files whole/states killed/states
    for study in whole killed; do "$SALIENT" export $study --table states >$study.out; done
    cmp whole.out killed.out
    salient verify killed
    expect 0
}

@test "trainings killed at many moments end as those that were not" {
    demo_model
    trainings_killed '80 130 190 260 340' 8 1 mlp
    [ "$(wc -l <first)" -eq 10 ] # folds of each layer
}
