/* Lines of a recorded history to operations. */
#include "base/check.h"
#include "base/decimal.h"
#include "base/hash.h"
#include "simulator/judge_inside.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const KIND_NAMES[KEY_KINDS] = {"plain", "cart", "counter", "latest", "expiring"};

__attribute__((format(printf, 2, 3))) static bool refuse(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, JUDGE_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* Times and numbers are never negative. */
static bool read_number(const json_t *object, const char *name, uint64_t absent, uint64_t *number)
{
    const json_t *field = json_object_get(object, name);
    *number = absent;
    if (field == NULL)
        return true;
    if (!json_is_integer(field) || json_integer_value(field) < 0)
        return false;
    *number = (uint64_t)json_integer_value(field);
    return true;
}

static struct bytes keep(struct judge *judge, const json_t *text)
{
    size_t len = json_string_length(text);
    uint8_t *copy = arena_alloc(&judge->texts, len + 1);
    if (len != 0)
        memcpy(copy, json_string_value(text), len);
    copy[len] = '\0';
    return bytes_of(copy, len);
}

/* The first line: nodes, copies, quorums. */

static int kind_of(const char *text)
{
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        if (strcmp(KIND_NAMES[kind], text) == 0)
            return kind;
    }
    return -1;
}

static bool read_nodes(struct judge *judge, const json_t *nodes, char *error)
{
    size_t i;
    json_t *node;
    if (json_array_size(nodes) == 0 || json_array_size(nodes) > PLAN_NODES_MAX)
        return refuse(error, "\"nodes\" must name 1 to %d nodes", PLAN_NODES_MAX);
    judge->plan.nodes = (unsigned)json_array_size(nodes);
    json_array_foreach(nodes, i, node)
    {
        if (!json_is_string(node) || json_string_length(node) >= JUDGE_NAME_MAX)
            return refuse(error, "a node's name has 1 to %d bytes", JUDGE_NAME_MAX - 1);
        snprintf(judge->nodes[i], JUDGE_NAME_MAX, "%s", json_string_value(node));
    }
    return true;
}

static bool read_quorums(struct judge *judge, const json_t *kinds, char *error)
{
    const char *name;
    json_t *quorum;
    json_object_foreach((json_t *)kinds, name, quorum)
    {
        uint64_t r, w;
        int kind = kind_of(name);
        if (kind < 0 || !read_number(quorum, "r", 0, &r) || !read_number(quorum, "w", 0, &w) || r == 0 || w == 0
            || r > judge->plan.ring.copies || w > judge->plan.ring.copies)
            return refuse(error, "\"kinds\": accepted: plain, cart, counter, latest, expiring, each with its r and w");
        judge->plan.buckets[kind].r = (uint8_t)r;
        judge->plan.buckets[kind].w = (uint8_t)w;
    }
    return true;
}

static bool begin(struct judge *judge, const json_t *line, char *error)
{
    uint64_t copies;
    if (json_integer_value(json_object_get(line, "history")) != 1)
        return refuse(error,
                      "the first line must be {\"history\": 1, \"nodes\": ..., \"copies\": ..., \"kinds\": ...}");
    if (!read_number(line, "copies", 0, &copies) || copies == 0 || copies > 255)
        return refuse(error, "\"copies\": accepted: 1 to 255");
    judge->plan.ring = (struct ring_settings){.cluster = 1,
                                              .partition_count = 64,
                                              .strategy = RING_CLAIMED_PARTITIONS,
                                              .copies = (uint8_t)copies,
                                              .tokens = 1};
    judge->begun = read_nodes(judge, json_object_get(line, "nodes"), error)
                   && read_quorums(judge, json_object_get(line, "kinds"), error);
    judge->overlaps = json_is_true(json_object_get(line, "strict")) || judge->plan.nodes <= copies;
    return judge->begun;
}

/* Keys by their names. */

static void add_to_slots(struct judge *judge, uint32_t number)
{
    uint32_t at = hash_of_key(bytes_of_text(judge->keys[number].name)) & (judge->slot_count - 1);
    while (judge->slots[at] != 0)
        at = (at + 1) & (judge->slot_count - 1);
    judge->slots[at] = number + 1;
}

static void grow_keys(struct judge *judge)
{
    judge->key_room = judge->key_room * 2 + 128;
    judge->keys = realloc(judge->keys, judge->key_room * sizeof *judge->keys);
    CHECK_MEMORY(judge->keys);
    free(judge->slots);
    for (judge->slot_count = 256; judge->slot_count < 2 * judge->key_room;)
        judge->slot_count *= 2;
    judge->slots = calloc(judge->slot_count, sizeof *judge->slots);
    CHECK_MEMORY(judge->slots);
    for (uint32_t i = 0; i < judge->key_count; i++)
        add_to_slots(judge, i);
}

static struct judged_key *find_key(struct judge *judge, const json_t *name)
{
    struct bytes text = bytes_of(json_string_value(name), json_string_length(name));
    for (uint32_t at = hash_of_key(text); judge->slot_count != 0; at++) {
        uint32_t number = judge->slots[at & (judge->slot_count - 1)];
        if (number == 0)
            break;
        if (bytes_equal(bytes_of_text(judge->keys[number - 1].name), text))
            return &judge->keys[number - 1];
    }
    if (judge->key_count == judge->key_room)
        grow_keys(judge);
    struct judged_key *key = &judge->keys[judge->key_count];
    *key = (struct judged_key){.name = (const char *)keep(judge, name).at};
    add_to_slots(judge, judge->key_count++);
    return key;
}

/* Operations. */

static bool read_kind(const char *text, enum op_kind *kind)
{
    for (int i = 0; i < OP_KINDS; i++) {
        if (strcmp(op_name((enum op_kind)i), text) == 0) {
            *kind = (enum op_kind)i;
            return i != OP_FLUSH;
        }
    }
    return false;
}

static bool read_outcome(const char *text, enum op_outcome *outcome)
{
    for (int i = OP_DONE; i <= OP_LOST; i++) {
        if (strcmp(op_outcome_name((enum op_outcome)i), text) == 0) {
            *outcome = (enum op_outcome)i;
            return true;
        }
    }
    return false;
}

/* [[value, token], ...] */
static bool read_seen(struct judge *judge, struct op *op, const json_t *seen)
{
    size_t i;
    json_t *one;
    op->seen_count = (unsigned)json_array_size(seen);
    op->seen = arena_alloc(&judge->texts, (op->seen_count + 1) * sizeof *op->seen);
    json_array_foreach(seen, i, one)
    {
        const json_t *value = json_array_get(one, 0);
        const char *token = json_string_value(json_array_get(one, 1));
        op->seen[i] = (struct seen){0};
        if (!json_is_string(value) || (token != NULL && !decimal_read(bytes_of_text(token), &op->seen[i].token)))
            return false;
        op->seen[i].value = keep(judge, value);
    }
    return (op->outcome == OP_DONE && op_is_read(op)) == (op->seen_count > 0);
}

static bool read_times(struct op *op, const json_t *line)
{
    if (!read_number(line, "sent", UINT64_MAX, &op->sent_ns) || !read_number(line, "ended", UINT64_MAX, &op->ended_ns)
        || op->sent_ns == UINT64_MAX || op->ended_ns < op->sent_ns)
        return false;
    op->sent_ns += JUDGE_TIME_SHIFT;
    op->began_ns = op->sent_ns;
    op->ended_ns += op->ended_ns != UINT64_MAX ? JUDGE_TIME_SHIFT : 0;
    /* What came of it is not known, so there is no end before which it was carried out. */
    if (op->outcome == OP_FAILED || op->outcome == OP_LOST)
        return true;
    return op->ended_ns != UINT64_MAX;
}

static bool fill(struct judge *judge, struct op *op, const json_t *line)
{
    uint64_t client, node, exptime;
    const json_t *value = json_object_get(line, "value");
    const char *token = text_of(line, "token");
    if (!read_kind(text_of(line, "op"), &op->kind) || !read_outcome(text_of(line, "outcome"), &op->outcome)
        || !read_times(op, line) || !read_number(line, "client", 0, &client)
        || !read_number(line, "node", UINT64_MAX, &node) || !read_number(line, "exptime", 0, &exptime)
        || !read_number(line, "delta", 0, &op->number) || !read_number(line, "answered", 0, &op->answered)
        || !read_seen(judge, op, json_object_get(line, "seen")))
        return false;
    if (node >= judge->plan.nodes || client > UINT32_MAX || exptime > UINT32_MAX
        || op_stores(op) != json_is_string(value)
        || (*token != '\0' && !decimal_read(bytes_of_text(token), &op->token)))
        return false;
    op->client = (unsigned)client;
    op->machine = (unsigned)node;
    op->exptime = (uint32_t)exptime;
    op->value = value != NULL ? keep(judge, value) : bytes_of("", 0);
    snprintf(op->error, sizeof op->error, "%s", text_of(line, "error"));
    const json_t *expected = json_object_get(line, "expected");
    if (json_is_string(expected))
        op->expected = keep(judge, expected);
    return true;
}

static bool read_op(struct judge *judge, const json_t *line, char *error)
{
    const json_t *name = json_object_get(line, "key");
    int kind = kind_of(text_of(line, "kind"));
    uint64_t id;
    if (!json_is_string(name) || json_string_length(name) == 0 || kind < 0)
        return refuse(error, "an operation needs \"key\" and \"kind\" (plain, cart, counter, latest or expiring)");
    if (judge->plan.buckets[kind].r == 0)
        return refuse(error, "the first line says nothing of keys of kind %s", KIND_NAMES[kind]);
    if (!read_number(line, "id", UINT64_MAX, &id) || id > JUDGE_OPS_MAX)
        return refuse(error, "\"id\": accepted: the operation's number within its key, from 0, at most %d",
                      JUDGE_OPS_MAX);
    struct judged_key *key = find_key(judge, name);
    if (key->history.count == 0)
        key->kind = (enum key_kind)kind;
    while (key->history.count <= id)
        history_add(&key->history);
    struct op *op = history_op(&key->history, id);
    if (op->sent_ns != 0 || key->kind != (enum key_kind)kind)
        return refuse(error, "operation %u of %.100s comes twice, or its key is of two kinds", (unsigned)id, key->name);
    if (!fill(judge, op, line))
        return refuse(error, "operation %u of %.100s makes no sense (docs/simulator.md has the format)", (unsigned)id,
                      key->name);
    return true;
}

bool judge_line(struct judge *judge, struct bytes line, char *error)
{
    json_error_t fault = {.text = ""};
    json_t *json = json_loadb((const char *)line.at, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault);
    bool good;
    if (!json_is_object(json))
        good = refuse(error, "no JSON object: %.150s", fault.text);
    else if (!judge->begun)
        good = begin(judge, json, error);
    else if (json_object_get(json, "fault") != NULL)
        good = read_number(json, "fault", 0, &judge->fault_ns) || refuse(error, "\"fault\" is a time");
    else if (json_object_get(json, "mended") != NULL)
        good = read_number(json, "mended", 0, &judge->mended_ns) || refuse(error, "\"mended\" is a time");
    else
        good = read_op(judge, json, error);
    json_decref(json);
    return good;
}
