/* Binary packets: nothing crashes the parser, and how a stream is cut makes no difference. */
#include "parse_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CHECK(stream_any_split(binary_parse, bytes_of(data, size), hash_fingerprint(bytes_of(data, size), 0)));
    return 0;
}
