/* An unmodified libmemcached client whose virtual buckets are the ring's table: each request goes straight to the node
 * that coordinates its key.
 *
 * Standard input: members and partitions, a line "host port" for each member, then each partition's coordinator as an
 * index. Sets and reads keys over both protocols; whether a node had to forward any is for the caller to see. */
#include <libmemcached/memcached.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 64, PARTITIONS_MAX = 65536, HOST_MAX = 128, KEYS = 2000, VALUE_MAX = 32 };

struct table {
    unsigned members, partitions;
    char host[MEMBERS_MAX][HOST_MAX];
    unsigned port[MEMBERS_MAX];
    uint32_t coordinators[PARTITIONS_MAX];
};

static bool read_table(struct table *table)
{
    if (scanf("%u %u", &table->members, &table->partitions) != 2 || table->members > MEMBERS_MAX
        || table->partitions > PARTITIONS_MAX)
        return false;
    for (unsigned i = 0; i < table->members; i++) {
        if (scanf("%127s %u", table->host[i], &table->port[i]) != 2)
            return false;
    }
    for (unsigned i = 0; i < table->partitions; i++) {
        if (scanf("%u", &table->coordinators[i]) != 1 || table->coordinators[i] >= table->members)
            return false;
    }
    return true;
}

static memcached_st *client_new(const struct table *table, bool binary)
{
    memcached_st *client = memcached_create(NULL);
    bool good = client != NULL;
    for (unsigned i = 0; good && i < table->members; i++)
        good = memcached_server_add(client, table->host[i], (in_port_t)table->port[i]) == MEMCACHED_SUCCESS;
    good = good && memcached_behavior_set(client, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, binary) == MEMCACHED_SUCCESS
           && memcached_behavior_set(client, MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_MURMUR3) == MEMCACHED_SUCCESS
           && memcached_behavior_set_distribution(client, MEMCACHED_DISTRIBUTION_VIRTUAL_BUCKET) == MEMCACHED_SUCCESS
           && memcached_bucket_set(client, table->coordinators, NULL, table->partitions, 1) == MEMCACHED_SUCCESS;
    if (!good) {
        fprintf(stderr, "libmemcached does not take the table\n");
        memcached_free(client);
        return NULL;
    }
    return client;
}

static bool fails(memcached_st *client, const char *what, const char *key, memcached_return_t result)
{
    fprintf(stderr, "%s %s: %s\n", what, key, memcached_strerror(client, result));
    return false;
}

static bool set_and_read(memcached_st *client, const char *key, const char *text)
{
    size_t len = 0;
    uint32_t flags = 0;
    memcached_return_t result = memcached_set(client, key, strlen(key), text, strlen(text), 0, 7);
    if (result != MEMCACHED_SUCCESS)
        return fails(client, "set", key, result);
    char *value = memcached_get(client, key, strlen(key), &len, &flags, &result);
    if (result != MEMCACHED_SUCCESS)
        return fails(client, "get", key, result);
    bool same = len == strlen(text) && memcmp(value, text, len) == 0 && flags == 7;
    free(value);
    if (!same)
        fprintf(stderr, "get %s: another value than was set\n", key);
    return same;
}

static bool run(const struct table *table, bool binary)
{
    memcached_st *client = client_new(table, binary);
    bool good = client != NULL;
    for (unsigned i = 0; good && i < KEYS; i++) {
        char key[VALUE_MAX], text[VALUE_MAX];
        snprintf(key, sizeof key, "%s-%u", binary ? "binary" : "text", i * i);
        snprintf(text, sizeof text, "value %u", i);
        good = set_and_read(client, key, text);
    }
    memcached_free(client);
    return good;
}

int main(void)
{
    static struct table table;
    if (!read_table(&table)) {
        fprintf(stderr, "no table on standard input\n");
        return EXIT_FAILURE;
    }
    return run(&table, false) && run(&table, true) ? EXIT_SUCCESS : EXIT_FAILURE;
}
