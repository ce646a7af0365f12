"""The layer-wise MLP of the paper in PyTorch: what bench/probe measures salient's training against.

Runs in a Python of its own (bench/requirements.txt); `bench/probe` starts it and talks to it in lines of JSON:

    in   {"data": FILE, "rows": N, "width": N, "batch": N, "threads": N}                                       once
    out  {"ready": true, "versions": {...}, "cpu": ...}
    in   {"networks": N, "epochs": N, "seed": S, "fused": true|false}                                            any number of times
    out  {"seconds": S, "processor": S, "pearson": [...]}

The same network (in -> 512 -> 256 -> 1, ReLU, dropout .3 and .2, sigmoid and squares), data, batches and parts as bench_probe's; Adam with
PyTorch's defaults, or fused. The networks of a sweep follow one another, each on all threads. An epoch ends with the loss on the
development rows; the weights that were best there are kept.
"""

import copy
import json
import platform
import sys
import time

import numpy
import torch
from torch import nn

WORDS, PARTS, DEVELOPMENT = 100, 13, 10


def say(record):
    print(json.dumps(record), flush=True)


def load(setting):
    rows, width = setting["rows"], setting["width"]
    values = torch.from_numpy(numpy.fromfile(setting["data"], dtype=numpy.float32))
    part = torch.arange(rows) // WORDS % PARTS
    y, x = values[:rows], values[rows:].reshape(rows, width)
    return [(x[chosen], y[chosen]) for chosen in (part < DEVELOPMENT, part == DEVELOPMENT, part > DEVELOPMENT)]


def network(width):
    hidden = max(512, width // 4)
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(.3), nn.Linear(hidden, hidden // 2), nn.ReLU(), nn.Dropout(.2),
                         nn.Linear(hidden // 2, 1))


def train(parts, batch, epochs, seed, fused):
    torch.manual_seed(seed)
    (x, y), (dev_x, dev_y), (test_x, test_y) = parts
    model = network(x.shape[1])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, fused=fused or None)
    best, kept = float("inf"), None
    for _ in range(epochs):
        model.train()
        order = torch.randperm(len(x))
        for at in range(0, len(x), batch):
            chosen = order[at:at + batch]
            optimiser.zero_grad()
            loss = nn.functional.mse_loss(torch.sigmoid(model(x[chosen]).squeeze(-1)), y[chosen])
            loss.backward()
            optimiser.step()
        model.eval()
        with torch.no_grad():
            loss = nn.functional.mse_loss(torch.sigmoid(model(dev_x).squeeze(-1)), dev_y).item()
        if loss < best:
            best, kept = loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    model.eval()
    with torch.no_grad():
        predicted = torch.sigmoid(model(test_x).squeeze(-1))
    return torch.corrcoef(torch.stack((predicted, test_y)))[0, 1].item()


def main():
    setting = json.loads(sys.stdin.readline())
    torch.set_num_threads(setting["threads"])
    parts = load(setting)
    say({"ready": True, "versions": {"torch": torch.__version__, "Python": platform.python_version()},
         "cpu": torch.backends.cpu.get_cpu_capability()})
    for line in sys.stdin:
        asked = json.loads(line)
        started, processor = time.perf_counter(), time.process_time()
        scores = [train(parts, setting["batch"], asked["epochs"], asked["seed"] + n, asked["fused"]) for n in range(asked["networks"])]
        say({"seconds": time.perf_counter() - started, "processor": time.process_time() - processor, "pearson": scores})


if __name__ == "__main__":
    main()
