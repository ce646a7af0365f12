#include <string.h>

#include "salient/file.h"

/* SHA-256 as in FIPS 180-4. Written out here because the library needs nothing else of a cryptography package. */

static uint32_t rotate(uint32_t value, unsigned bits) {
    return (value >> bits) | (value << (32U - bits));
}

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void add_block(uint32_t state[8], const unsigned char *block) {
    uint32_t w[64];
    for (size_t i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (size_t i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5],
             g = state[6], h = state[7];
    for (size_t i = 0; i < 64; i++) {
        uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
        uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < 8; i++)
        state[i] += sums[i];
}

void sal_sha256_start(sal_sha256 *hash) {
    *hash = (sal_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                   0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sal_sha256_add(sal_sha256 *hash, const void *bytes, size_t length) {
    const unsigned char *from = bytes;
    size_t used = (size_t)(hash->length % 64);
    hash->length += length;
    if (used > 0) {
        size_t part = length < 64 - used ? length : 64 - used;
        memcpy(hash->block + used, from, part);
        if (used + part < 64)
            return;
        add_block(hash->state, hash->block);
        from += part;
        length -= part;
    }
    for (; length >= 64; from += 64, length -= 64)
        add_block(hash->state, from);
    if (length > 0)
        memcpy(hash->block, from, length);
}

void sal_sha256_finish(sal_sha256 *hash, char digest[65]) {
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = hash->length * 8;
    size_t used = (size_t)(hash->length % 64);
    hash->block[used++] = 0x80;
    if (used > 56) {
        memset(hash->block + used, 0, 64 - used);
        add_block(hash->state, hash->block);
        used = 0;
    }
    memset(hash->block + used, 0, 56 - used);
    for (size_t i = 0; i < 8; i++)
        hash->block[56 + i] = (unsigned char)(bits >> (56 - 8 * i));
    add_block(hash->state, hash->block);
    for (size_t i = 0; i < 64; i++)
        digest[i] = digits[(hash->state[i / 8] >> (28 - 4 * (i % 8))) & 15U];
    digest[64] = '\0';
}

void sal_sha256_of(const void *bytes, size_t length, char digest[65]) {
    sal_sha256 hash;
    sal_sha256_start(&hash);
    sal_sha256_add(&hash, bytes, length);
    sal_sha256_finish(&hash, digest);
}

int sal_sha256_file(const char *path, char digest[65], sal_error *err) {
    enum { BLOCK = 1 << 20 };
    sal_file *file = NULL;
    sal_sha256 hash;
    sal_sha256_start(&hash);
    char *block = sal_calloc(BLOCK, 1);
    int status = block == NULL ? sal_fail_memory(err, path) : sal_file_open(path, &file, err);
    while (status == SAL_OK) {
        size_t length = 0;
        status = sal_file_read(file, block, BLOCK, &length, err);
        if (status == SAL_OK && length == 0)
            break;
        sal_sha256_add(&hash, block, length);
    }
    if (status == SAL_OK)
        sal_sha256_finish(&hash, digest);
    sal_file_close(file);
    sal_free(block);
    return status;
}
