"""The plain loop that salient is measured against: transformers, one prompt at a time, as the paper's published code does.

Runs in a Python of its own (bench/requirements.txt); `bench/generate` starts it and talks to it in lines of JSON:

    in   {"model": GGUF, "prompts": [[token id, ...], ...], "new_tokens": N, "threads": N}      once
    out  {"ready": true, "load_seconds": S, "versions": {...}}
    in   warm                                                                                   the first prompt alone
    in   go                                                                                     any number of times
    out  {"seconds": S, "generated": [N, ...]}

The weights come from the same GGUF file as salient's, dequantised and rounded to bfloat16. The prompts come as token ids, so
that both sides read exactly the same tokens. Attention is transformers' default (sdpa), sampling the published setting: temperature
0.7, top-k 50 (transformers' default). The end-of-text token is ignored: every sequence gets exactly N new tokens.
"""

import json
import os
import platform
import sys
import time


def say(record):
    print(json.dumps(record), flush=True)


def load(setting):
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything is in the GGUF file
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if setting["threads"]:
        torch.set_num_threads(setting["threads"])
    started = time.perf_counter()
    folder, file = os.path.split(os.path.abspath(setting["model"]))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file, torch_dtype=torch.bfloat16
    )
    model.eval()
    say(
        {
            "ready": True,
            "load_seconds": time.perf_counter() - started,
            "dtype": str(next(model.parameters()).dtype),
            "attention": model.config._attn_implementation,
            "threads": torch.get_num_threads(),
            "versions": {
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "Python": platform.python_version(),
            },
        }
    )
    return torch, model


def run_once(torch, model, setting, prompts):
    """One document: its prompts one after the other. Returns the number of new tokens of each."""
    generated = []
    for ids in prompts:
        tokens = torch.tensor([ids])
        with torch.no_grad():
            output = model.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=setting["new_tokens"],
                do_sample=True,
                temperature=0.7,
                top_k=50,
                eos_token_id=None,
                pad_token_id=0,
            )
        generated.append(output.shape[1] - len(ids))
    return generated


def main():
    setting = json.loads(sys.stdin.readline())
    torch, model = load(setting)
    model.generation_config.eos_token_id = None
    torch.manual_seed(1)
    for line in sys.stdin:
        if line.strip() not in ("go", "warm"):
            sys.exit(f"transformers_loop.py: expected 'go' or 'warm', got {line.strip()!r}")
        prompts = setting["prompts"][:1] if line.strip() == "warm" else setting["prompts"]
        started = time.perf_counter()
        generated = run_once(torch, model, setting, prompts)
        say({"seconds": time.perf_counter() - started, "generated": generated})


if __name__ == "__main__":
    main()
