/* The text protocol's `get` and `set`. */
#include "load_wire.h"

#include "base/decimal.h"
#include "base/wire.h"

static uint8_t *text_write_request(const struct load_options *options, const struct load_request *request, uint8_t *at)
{
    at = wire_write_bytes(at, bytes_of(request->is_set ? "set " : "get ", 4));
    at = load_write_key(options, request->key, at);
    if (request->is_set) {
        at = wire_write_bytes(at, bytes_of(" 0 0 ", 5));
        at = decimal_write(at, options->value_size);
        at = wire_write_bytes(at, bytes_of("\r\n", 2));
        at = load_write_value(options, request->key, at);
    }
    return wire_write_bytes(at, bytes_of("\r\n", 2));
}

/* The line that `in` begins with, without its end; false when it is not complete. */
static bool first_line(struct bytes in, struct bytes *line)
{
    const uint8_t *end = in.len == 0 ? NULL : memchr(in.at, '\n', in.len);
    if (end == NULL || end == in.at || end[-1] != '\r')
        return false;
    *line = bytes_of(in.at, (size_t)(end - 1 - in.at));
    return true;
}

static bool is_error(struct bytes line)
{
    return bytes_begin_with(line, bytes_of_text("SERVER_ERROR "))
           || bytes_begin_with(line, bytes_of_text("CLIENT_ERROR ")) || bytes_equal(line, bytes_of_text("ERROR"));
}

/* The header that a hit has: our key, no flags, our length. Comparing with what must come is quicker than parsing. */
static size_t expected_header(const struct load_options *options, uint64_t key, uint8_t *header)
{
    uint8_t *at = wire_write_bytes(header, bytes_of("VALUE ", 6));
    at = load_write_key(options, key, at);
    at = wire_write_bytes(at, bytes_of(" 0 ", 3));
    at = decimal_write(at, options->value_size);
    return (size_t)(at - header);
}

static enum load_verdict read_value(const struct load_options *options, const struct load_request *request,
                                    struct bytes line, struct bytes in, size_t *used)
{
    uint8_t header[LOAD_WIRE_OVERHEAD];
    if (!bytes_equal(line, bytes_of(header, expected_header(options, request->key, header))))
        return LOAD_BROKEN;
    static const char end[] = "\r\nEND\r\n";
    size_t head = line.len + 2, tail = sizeof end - 1;
    if (in.len < head + options->value_size + tail)
        return LOAD_MORE;
    struct bytes value = bytes_of(in.at + head, options->value_size);
    if (!load_value_is_of(options, request->key, value) || memcmp(value.at + value.len, end, tail) != 0)
        return LOAD_BROKEN;
    *used = head + value.len + tail;
    return LOAD_HIT;
}

static enum load_verdict text_read_reply(const struct load_options *options, const struct load_request *request,
                                         struct bytes in, size_t *used)
{
    struct bytes line;
    if (!first_line(in, &line))
        return in.len > LOAD_WIRE_OVERHEAD ? LOAD_BROKEN : LOAD_MORE;
    *used = line.len + 2;
    if (is_error(line))
        return LOAD_REFUSED;
    if (request->is_set)
        return bytes_equal(line, bytes_of_text("STORED")) ? LOAD_STORED : LOAD_BROKEN;
    if (bytes_equal(line, bytes_of_text("END")))
        return LOAD_MISS;
    return read_value(options, request, line, in, used);
}

const struct load_wire load_text = {.write_request = text_write_request, .read_reply = text_read_reply};
