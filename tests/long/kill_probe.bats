# As tests/cli/kill_probe.bats, for every network, with more trainings and more kills.
load ../cli/common
load ../cli/kill_probe

@test "trainings of every network killed at many moments end as those that were not" {
    demo_model
    trainings_killed '80 120 170 230 300 380 470 570 680 800' 30 2 'mlp' 'all-layers --loss mse' 'article --attention'
    [ "$(wc -l <first)" -eq $((2 * 5 * (2 + 1 + 2))) ] # seeds, folds, layers of each network
}
