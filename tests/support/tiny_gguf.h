/** Small models written by the tests themselves, so that everything that runs a model is tested on any clone. */
#ifndef SALIENT_TINY_GGUF_H
#define SALIENT_TINY_GGUF_H

#include <stdbool.h>
#include <stdint.h>

/** Shape and content of a tiny model. Weights are random but fixed by the seed; the vocabulary holds all bytes, some merges of English
 *  and French letter pairs, and <|endoftext|> (BOS), <|im_start|>, <|im_end|> (end of generation). */
typedef struct tiny_gguf {
    const char *architecture;  /* "llama" or "qwen2" (with biases of q, k, v) */
    const char *chat_template; /* NULL: none in the file */
    uint64_t seed;
    int layers, width, heads, heads_kv, feed_forward, context;
    int vocabulary; /* tokens at least; 0: as few as there are */
    bool
        sentencepiece; /* a SentencePiece vocabulary, which puts a space in front, in place of byte-level BPE */
    bool add_bos;
    int parts; /* 2 and more: a split; path is then the prefix of its files */
} tiny_gguf;

/** 2 layers, width 64, 4 heads (2 for keys), context 1024, ChatML template, one file. */
tiny_gguf tiny_gguf_default(const char *architecture);

/** Write the model; stops the test program when it cannot be written. */
void tiny_gguf_write(const tiny_gguf *model, const char *path);

#endif
