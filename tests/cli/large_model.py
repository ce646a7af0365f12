"""A model of 14 billion weights that takes no room: large_model.py SMALL.gguf LARGE.gguf

The tokenizer of a small llama model, the shape of Qwen2.5-14B, tensors declared in f16 in a file with a hole where they would stand: 26 GiB
by its size, some megabytes on the disk. What a program says about it before it loads it must be true of the real one.
"""

import struct
import sys

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, U32, F16 = 8, 9, 4, 1
LAYERS, WIDTH, INNER, HEADS, HEADS_KV = 48, 5120, 13824, 40, 8


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def skip_value(self, kind):
        if kind == STRING:
            self.take(self.number("Q"))
        elif kind == ARRAY:
            inner, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.skip_value(inner)
        else:
            self.take(SIZES[kind])


def read_pairs(path):
    """{key: (type, bytes)} of a GGUF file."""
    with open(path, "rb") as file:
        reader = Reader(file.read())
    magic, version, _, count = reader.take(4), reader.number("I"), reader.number("Q"), reader.number("Q")
    assert magic == b"GGUF" and version >= 2
    pairs = {}
    for _ in range(count):
        key = reader.take(reader.number("Q")).decode()
        kind = reader.number("I")
        start = reader.at
        reader.skip_value(kind)
        pairs[key] = (kind, reader.data[start : reader.at])
    return pairs


def tensors(vocabulary):
    yield "token_embd.weight", (WIDTH, vocabulary)
    yield "output.weight", (WIDTH, vocabulary)
    yield "output_norm.weight", (WIDTH,)
    for layer in range(LAYERS):
        kv = WIDTH // HEADS * HEADS_KV
        for name, shape in (("attn_norm", (WIDTH,)), ("ffn_norm", (WIDTH,)), ("attn_q", (WIDTH, WIDTH)), ("attn_k", (WIDTH, kv)),
                            ("attn_v", (WIDTH, kv)), ("attn_output", (WIDTH, WIDTH)), ("ffn_gate", (WIDTH, INNER)),
                            ("ffn_up", (WIDTH, INNER)), ("ffn_down", (INNER, WIDTH))):
            yield f"blk.{layer}.{name}.weight", shape


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def main(small, large):
    pairs = read_pairs(small)
    vocabulary = struct.unpack_from("<Q", pairs["tokenizer.ggml.tokens"][1], 4)[0]
    for key, value in (("block_count", LAYERS), ("embedding_length", WIDTH), ("feed_forward_length", INNER), ("attention.head_count", HEADS),
                       ("attention.head_count_kv", HEADS_KV), ("context_length", 32768), ("rope.dimension_count", WIDTH // HEADS)):
        pairs[f"llama.{key}"] = (U32, struct.pack("<I", value))
    pairs["general.file_type"] = (U32, struct.pack("<I", 1))
    pairs["general.name"] = (STRING, text("Large 14B"))
    pairs["general.size_label"] = (STRING, text("14B"))
    listed = list(tensors(vocabulary))
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(listed), len(pairs)))
    for key, (kind, value) in pairs.items():
        out += text(key) + struct.pack("<I", kind) + value
    offset = 0
    for name, shape in listed:
        size = 2
        for length in shape:
            size *= length
        out += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", F16, offset)
        offset += (size + 31) // 32 * 32
    out += bytes(-len(out) % 32)
    with open(large, "wb") as file:
        file.write(out)
        file.truncate(len(out) + offset)


if __name__ == "__main__":
    main(*sys.argv[1:])
