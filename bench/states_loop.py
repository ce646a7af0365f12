"""Hidden states of all layers by transformers, without the vocabulary's projection: what bench/states measures salient against.

Runs in a Python of its own (bench/requirements.txt); `bench/states` starts it and talks to it in lines of JSON:

    in   {"model": GGUF, "ids": [token id, ...], "threads": N}                     once
    out  {"ready": true, "weights_bytes": N, "open_bytes": N, "versions": {...}}
    in   go                                                                          any number of times
    out  {"seconds": S, "processor": S, "peak_bytes": N}

The weights come from the same GGUF file, rounded to bfloat16; the body of the model alone is kept. The peak is counted from where the model
is loaded and all that loading took is given back.
"""

import ctypes
import gc
import json
import os
import platform
import sys
import time


def say(record):
    print(json.dumps(record), flush=True)


def peak_bytes():
    with open("/proc/self/status", encoding="ascii") as source:
        for line in source:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def load(setting):
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything is in the GGUF file
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(setting["threads"])
    folder, file = os.path.split(os.path.abspath(setting["model"]))
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, torch_dtype=torch.bfloat16).model
    model.eval()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as out:
        out.write("5")  # the peak starts anew
    say({
        "ready": True,
        "weights_bytes": sum(p.numel() * p.element_size() for p in model.parameters()),
        "open_bytes": peak_bytes(),
        "attention": model.config._attn_implementation,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "Python": platform.python_version()},
    })
    return torch, model


def main():
    setting = json.loads(sys.stdin.readline())
    torch, model = load(setting)
    tokens = torch.tensor([setting["ids"]])
    for _ in sys.stdin:
        started, processor = time.perf_counter(), time.process_time()
        with torch.no_grad():
            states = model(tokens, output_hidden_states=True, use_cache=False).hidden_states
        if len(states) != model.config.num_hidden_layers + 1:
            sys.exit("states_loop.py: states are missing")
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
        del states
        say({"seconds": seconds, "processor": processor, "peak_bytes": peak_bytes()})


if __name__ == "__main__":
    main()
