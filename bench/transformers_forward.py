"""PyTorch's side of bench/forward: forward passes and decoding in batches, by transformers.

Runs in a Python of its own (bench/requirements.txt) and talks in lines of JSON:

    in   {"model": GGUF, "attention": "eager"|"sdpa", "tokens": [id, ...], "threads": N}      once
    out  {"ready": true, "dtype": ..., "versions": {...}}
    in   attentions TOKENS      a forward pass that returns every attention (output_attentions), summed over the queries
    in   bare TOKENS            a forward pass without the projection on the vocabulary
    in   {"generate": [[id, ...], ...], "new_tokens": N}      all prompts in one batch, end-of-text ignored
    out  {"seconds": S}

The text is repeated to the tokens wanted, the weights come from the same GGUF file as salient's, rounded to bfloat16.
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
    folder, file = os.path.split(os.path.abspath(setting["model"]))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file, torch_dtype=torch.bfloat16, attn_implementation=setting["attention"]
    )
    model.eval()
    model.generation_config.eos_token_id = None
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "Python": platform.python_version()}
    say({"ready": True, "dtype": str(model.dtype).removeprefix("torch."), "threads": torch.get_num_threads(), "versions": versions})
    return torch, model


def forward(torch, model, ids, attentions):
    tokens = torch.tensor([ids])
    started = time.perf_counter()
    with torch.no_grad():
        output = model.model(tokens, use_cache=False, output_attentions=attentions)
        if attentions:
            for layer in output.attentions:
                layer[0].sum(dim=1)
    return time.perf_counter() - started


def generate(torch, model, request):
    """Prompts differ by a token or two in length: padded on the left."""
    prompts = request["generate"]
    longest = max(map(len, prompts))
    tokens = torch.tensor([[0] * (longest - len(ids)) + ids for ids in prompts])
    mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts])
    started = time.perf_counter()
    with torch.no_grad():
        output = model.generate(tokens, attention_mask=mask, max_new_tokens=request["new_tokens"], do_sample=True,
                                temperature=0.7, top_k=50, eos_token_id=None, pad_token_id=0)
    seconds = time.perf_counter() - started
    if output.shape[1] - longest != request["new_tokens"]:
        sys.exit(f"transformers_forward.py: {output.shape[1] - longest} new tokens, not {request['new_tokens']}")
    return seconds


def main():
    setting = json.loads(sys.stdin.readline())
    torch, model = load(setting)
    torch.manual_seed(1)
    text = setting["tokens"]
    for line in sys.stdin:
        if line.startswith("{"):
            say({"seconds": generate(torch, model, json.loads(line))})
            continue
        what, count = line.split()
        ids = (text * (int(count) // len(text) + 1))[: int(count)]
        say({"seconds": forward(torch, model, ids, what == "attentions")})


if __name__ == "__main__":
    main()
