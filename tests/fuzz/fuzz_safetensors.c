/* The safetensors reader. Held against any input:
   - an error has a text that begins with the name of the input;
   - of a file that is accepted every element can be read, names are in order, and the arrays fill the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "salient/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) {
        abort();
    }
}

static size_t read_whole(const sal_safetensors *file, const sal_tensor *tensor) {
    size_t count = 0;
    must(sal_tensor_count(tensor, &count, NULL) == SAL_OK);
    const size_t bytes = count * sal_dtype_bytes(tensor->dtype);
    char *room = malloc(bytes + 1);
    must(room != NULL);
    must(sal_safetensors_read(file, tensor, 0, count, room, NULL) == SAL_OK);
    must(sal_safetensors_read(file, tensor, count, 1, room, NULL) == SAL_ESHAPE);
    free(room);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sal_safetensors *file = NULL;
    sal_error err = {0};
    /* A copy of exactly that size, so that the address sanitizer sees every byte read past it. */
    char *bytes = malloc(size == 0 ? 1 : size);
    must(bytes != NULL);
    memcpy(bytes, data, size);
    const int code = sal_safetensors_open_bytes("f", bytes, size, &file, &err);
    must(code == err.code && (code == SAL_OK || strncmp(err.text, "f: ", 3) == 0));
    if (code == SAL_OK) {
        uint64_t header = 0;
        size_t count = 0, total = 0;
        const sal_tensor *tensors = sal_safetensors_tensors(file, &count);
        for (size_t i = 0; i < count; i++) {
            const sal_tensor *found = NULL;
            must(i == 0 || strcmp(tensors[i - 1].name, tensors[i].name) < 0);
            must(sal_safetensors_find(file, tensors[i].name, &found, NULL) == SAL_OK &&
                 found == &tensors[i]);
            total += read_whole(file, &tensors[i]);
        }
        memcpy(&header, bytes, sizeof header);
        must(total + sizeof header + header == size);
    }
    sal_safetensors_close(file);
    free(bytes);
    return 0;
}
