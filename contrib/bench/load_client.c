#include "load_client.h"

#include "load_connect.h"

#include "base/check.h"
#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for many small replies in one read, and always for the largest one. */
enum { IN_SIZE_LEAST = 64 << 10 };

bool load_client_open(struct load_client *client, const struct load_options *options, unsigned number)
{
    int socket_fd = load_connect(options);
    if (socket_fd < 0)
        return false;
    size_t most = options->value_size + LOAD_WIRE_OVERHEAD;
    *client = (struct load_client){
        .options = options,
        .wire = options->binary ? &load_binary : &load_text,
        .socket = socket_fd,
        .under_way = calloc(options->pipeline, sizeof *client->under_way),
        .in_size = most > IN_SIZE_LEAST ? most : IN_SIZE_LEAST,
        .out_size = most * options->pipeline,
    };
    client->in = malloc(client->in_size);
    client->out = malloc(client->out_size);
    CHECK_MEMORY(client->under_way);
    CHECK_MEMORY(client->in);
    CHECK_MEMORY(client->out);
    /* Streams of neighbouring seeds must not run along each other, so that connections ask for different keys. */
    prng_init(&client->prng, hash_mix(options->seed ^ hash_mix(number + 1)));
    return true;
}

void load_client_prefill(struct load_client *client, unsigned number)
{
    const struct load_options *options = client->options;
    client->prefilling = true;
    client->next_key = number;
    client->key_step = options->connections;
    client->requests_left =
        number < options->keys ? (options->keys - number + options->connections - 1) / options->connections : 0;
}

void load_client_mix(struct load_client *client, uint64_t requests)
{
    client->prefilling = false;
    client->requests_left = requests;
}

void load_client_stop(struct load_client *client)
{
    client->requests_left = 0;
}

bool load_client_is_blocked(const struct load_client *client)
{
    return client->out_sent < client->out_used;
}

bool load_client_is_idle(const struct load_client *client)
{
    return client->under_way_count == 0 && client->requests_left == 0;
}

static struct load_request next_request(struct load_client *client, uint64_t now_ns)
{
    const struct load_options *options = client->options;
    struct load_request request = {.start_ns = now_ns, .sequence = client->sequence++};
    if (client->prefilling) {
        request.is_set = true;
        request.key = client->next_key;
        client->next_key += client->key_step;
        return request;
    }
    request.is_set = prng_below(&client->prng, options->sets + options->gets) < options->sets;
    request.key = prng_below(&client->prng, options->keys);
    return request;
}

static void ask(struct load_client *client, uint64_t now_ns)
{
    unsigned pipeline = client->options->pipeline;
    while (client->requests_left > 0 && client->under_way_count < pipeline) {
        /* The buffer holds a full pipeline from its start; what has been sent makes no room before all is sent. */
        size_t most = client->options->value_size + LOAD_WIRE_OVERHEAD;
        if (client->out_size - client->out_used < most)
            return;
        unsigned slot = (client->under_way_first + client->under_way_count++) % pipeline;
        client->under_way[slot] = next_request(client, now_ns);
        uint8_t *at = client->out + client->out_used;
        client->out_used += (size_t)(client->wire->write_request(client->options, &client->under_way[slot], at) - at);
        client->requests_left--;
    }
}

bool load_client_send(struct load_client *client, uint64_t now_ns)
{
    ask(client, now_ns);
    if (client->out_sent == client->out_used)
        return true;
    ssize_t sent =
        send(client->socket, client->out + client->out_sent, client->out_used - client->out_sent, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    client->out_sent += (size_t)sent;
    if (client->out_sent == client->out_used)
        client->out_sent = client->out_used = 0;
    return true;
}

static void count_reply(struct load_counts *counts, enum load_verdict verdict, uint64_t duration_ns)
{
    counts->sets += verdict == LOAD_STORED;
    counts->hits += verdict == LOAD_HIT;
    counts->misses += verdict == LOAD_MISS;
    counts->refused += verdict == LOAD_REFUSED;
    histogram_record(&counts->latency_ns, duration_ns);
}

/* Takes the complete replies off the input buffer; false when something is no reply to what was asked. */
static bool take_replies(struct load_client *client, uint64_t now_ns, struct load_counts *counts)
{
    size_t at = 0;
    while (at < client->in_used) {
        if (client->under_way_count == 0)
            return false;
        const struct load_request *oldest = &client->under_way[client->under_way_first];
        struct bytes in = bytes_of(client->in + at, client->in_used - at);
        size_t used = 0;
        enum load_verdict verdict = client->wire->read_reply(client->options, oldest, in, &used);
        if (verdict == LOAD_BROKEN)
            return false;
        if (verdict == LOAD_MORE)
            break;
        count_reply(counts, verdict, now_ns - oldest->start_ns);
        client->under_way_first = (client->under_way_first + 1) % client->options->pipeline;
        client->under_way_count--;
        at += used;
    }
    client->in_used -= at;
    if (at > 0 && client->in_used > 0)
        memmove(client->in, client->in + at, client->in_used);
    return true;
}

bool load_client_receive(struct load_client *client, uint64_t (*clock_ns)(void), struct load_counts *counts)
{
    ssize_t got = recv(client->socket, client->in + client->in_used, client->in_size - client->in_used, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    client->in_used += (size_t)got;
    return take_replies(client, clock_ns(), counts);
}

void load_client_close(struct load_client *client, struct load_counts *counts)
{
    if (client->socket < 0)
        return;
    close(client->socket);
    client->socket = -1;
    counts->lost += client->under_way_count;
    client->under_way_count = 0;
    client->requests_left = 0;
}

void load_client_free(struct load_client *client)
{
    free(client->under_way);
    free(client->in);
    free(client->out);
}
