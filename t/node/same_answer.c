/* Every request with every option gives the same answer through a node that has no copy as through the coordinator.
 *
 * Two rings that are alike are asked the same in the same moment: the one at each key's only owner, the other at a node
 * that forwards. Actors, births and times are the same in both, so even the tokens must be. */
#include "node/ring.h"

static struct ring at_owner, elsewhere;

/* What is there before the request. */
enum before {
    BEFORE_NOTHING,
    BEFORE_NUMBER,
    BEFORE_TEXT,
    BEFORE_EMPTY,
    BEFORE_DELETED,
    BEFORE_EXPIRED,
    BEFORE_FLUSHED,
    BEFORE_STALE,
    BEFORE_STALE_WON,
    BEFORE_SHORT_LIVED,
    BEFORE_SIBLINGS,
    BEFORE_DELETED_SIBLING, /* the newest is a tombstone */
    BEFORES
};

enum token { TOKEN_NONE, TOKEN_RIGHT, TOKEN_WRONG, TOKEN_OLD };

struct question {
    enum request_kind kind;
    struct request options; /* the switches and numbers */
    const char *value;
    enum token token;
    uint64_t expiry_in_ms, vivify_in_ms; /* 0: none */
};

#define ASK(of_kind, ...)                                                                                              \
    {                                                                                                                  \
        .kind = (of_kind), .options = { __VA_ARGS__ }                                                                  \
    }

static const struct question questions[] = {
    {.kind = REQUEST_GET},
    ASK(REQUEST_GET, .peek = true),
    ASK(REQUEST_GET, .shows = REQUEST_SHOWS_SIBLINGS_IF_MULTI_VALUE),
    ASK(REQUEST_GET, .shows = REQUEST_SHOWS_SIBLINGS),
    {.kind = REQUEST_GET,
     .options = {.shows = REQUEST_SHOWS_SIBLINGS_IF_MULTI_VALUE, .has_expiry = true},
     .expiry_in_ms = 5000},
    {.kind = REQUEST_GET, .options = {.has_expiry = true}, .expiry_in_ms = 5000},
    {.kind = REQUEST_GET, .options = {.has_expiry = true}},
    {.kind = REQUEST_GET, .options = {.has_expiry = true, .peek = true}, .expiry_in_ms = 1},
    ASK(REQUEST_GET, .claims = true),
    {.kind = REQUEST_GET, .options = {.claims = true, .has_expiry = true}, .expiry_in_ms = 5000},
    {.kind = REQUEST_GET, .options = {.vivify = true}, .vivify_in_ms = 3000},
    {.kind = REQUEST_GET, .options = {.vivify = true, .claims = true}},
    {.kind = REQUEST_GET, .options = {.vivify = true, .has_expiry = true}, .expiry_in_ms = 4000, .vivify_in_ms = 3000},
    ASK(REQUEST_GET, .recache = true, .recache_ttl_s = 30),
    ASK(REQUEST_GET, .recache = true, .recache_ttl_s = 5),
    ASK(REQUEST_GET, .recache = true, .claims = true, .recache_ttl_s = 30),
    {.kind = REQUEST_GET, .options = {.recache = true, .has_expiry = true, .recache_ttl_s = 30}, .expiry_in_ms = 60000},
    {.kind = REQUEST_GET,
     .options = {.recache = true, .recache_first = true, .has_expiry = true, .recache_ttl_s = 30},
     .expiry_in_ms = 60000},
    {.kind = REQUEST_SET, .options = {.flags = 77}, .value = "new"},
    {.kind = REQUEST_SET, .value = "new", .expiry_in_ms = 9000},
    {.kind = REQUEST_SET, .value = "new", .expiry_in_ms = 1},
    {.kind = REQUEST_SET, .value = ""},
    {.kind = REQUEST_SET, .value = "new", .token = TOKEN_RIGHT},
    {.kind = REQUEST_SET, .value = "new", .token = TOKEN_WRONG},
    {.kind = REQUEST_SET, .value = "new", .token = TOKEN_OLD},
    {.kind = REQUEST_SET, .options = {.invalidate = true}, .value = "new", .token = TOKEN_OLD},
    {.kind = REQUEST_SET, .options = {.invalidate = true}, .value = "new", .token = TOKEN_RIGHT},
    {.kind = REQUEST_ADD, .value = "new"},
    {.kind = REQUEST_ADD, .value = "new", .expiry_in_ms = 9000},
    {.kind = REQUEST_ADD, .value = "new", .token = TOKEN_RIGHT},
    {.kind = REQUEST_REPLACE, .options = {.flags = 5}, .value = "new"},
    {.kind = REQUEST_REPLACE, .value = "new", .token = TOKEN_RIGHT},
    {.kind = REQUEST_APPEND, .value = "tail"},
    {.kind = REQUEST_APPEND, .options = {.value_max = 3}, .value = "tail"},
    {.kind = REQUEST_APPEND, .value = "tail", .token = TOKEN_RIGHT},
    {.kind = REQUEST_APPEND, .value = "tail", .token = TOKEN_WRONG},
    {.kind = REQUEST_PREPEND, .value = "head"},
    {.kind = REQUEST_PREPEND, .options = {.value_max = 3}, .value = "head"},
    ASK(REQUEST_INCR, .delta = 5),
    ASK(REQUEST_INCR, .delta = UINT64_MAX),
    ASK(REQUEST_INCR, .delta = 5, .create = true, .initial = 40),
    {.kind = REQUEST_INCR, .options = {.create = true, .initial = 40}, .expiry_in_ms = 2500},
    {.kind = REQUEST_INCR, .options = {.delta = 1, .has_expiry = true}, .expiry_in_ms = 2500},
    {.kind = REQUEST_INCR, .options = {.delta = 1}, .token = TOKEN_RIGHT},
    {.kind = REQUEST_INCR, .options = {.delta = 1}, .token = TOKEN_OLD},
    ASK(REQUEST_DECR, .delta = 3),
    ASK(REQUEST_DECR, .delta = 300),
    ASK(REQUEST_DECR, .delta = 3, .create = true, .initial = 40),
    {.kind = REQUEST_DELETE},
    {.kind = REQUEST_DELETE, .token = TOKEN_RIGHT},
    {.kind = REQUEST_DELETE, .token = TOKEN_WRONG},
    {.kind = REQUEST_DELETE, .token = TOKEN_OLD},
    ASK(REQUEST_DELETE, .invalidate = true),
    {.kind = REQUEST_DELETE, .options = {.invalidate = true, .has_expiry = true}, .expiry_in_ms = 2000},
    {.kind = REQUEST_DELETE, .options = {.invalidate = true}, .token = TOKEN_RIGHT},
    {.kind = REQUEST_TOUCH, .expiry_in_ms = 8000},
    {.kind = REQUEST_TOUCH},
    {.kind = REQUEST_TOUCH, .expiry_in_ms = 1},
};

enum { QUESTIONS = sizeof questions / sizeof questions[0] };

static const char *prepare_siblings(struct ring *ring, unsigned owner, const char *key)
{
    struct node *node = ring_loop(ring, owner, 0);
    assert_int_equal(set(ring, owner, key, "0"), REQUEST_OK);
    uint64_t token = node_token(node, get(ring, owner, key), NODE_ALL_VERSIONS);
    assert_int_equal(set(ring, owner, key, "1"), REQUEST_OK);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->has_token = true;
    request->token = token;
    request->value = text("2");
    assert_int_equal(run(ring, owner, request), REQUEST_OK);
    return key;
}

static void delete_newest_sibling(struct ring *ring, unsigned owner, const char *key)
{
    struct request *request = ask(ring, REQUEST_DELETE, key);
    request->has_token = true;
    request->token = node_token(ring_loop(ring, owner, 0), get(ring, owner, key), 0);
    assert_int_equal(run(ring, owner, request), REQUEST_OK);
    assert_int_equal(get(ring, owner, key)->status, REQUEST_MISS);
}

static void set_for(struct ring *ring, unsigned owner, const char *key, uint64_t ms)
{
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("17");
    request->expiry_ms = node_now_ms(ring_loop(ring, owner, 0), ring->now) + ms;
    assert_int_equal(run(ring, owner, request), REQUEST_OK);
}

static void invalidate(struct ring *ring, unsigned owner, const char *key)
{
    struct request *request = ask(ring, REQUEST_DELETE, key);
    request->invalidate = true;
    assert_int_equal(run(ring, owner, request), REQUEST_OK);
}

/* Makes the state at the key's owner. Returns a token that was right before the last change. */
static uint64_t prepare(struct ring *ring, unsigned owner, const char *key, enum before before)
{
    struct node *node = ring_loop(ring, owner, 0);
    uint64_t old = 1;
    if (before == BEFORE_NOTHING)
        return old;
    assert_int_equal(set(ring, owner, key, "older"), REQUEST_OK);
    old = node_token(node, get(ring, owner, key), NODE_ALL_VERSIONS);
    assert_int_equal(set(ring, owner, key,
                         before == BEFORE_TEXT    ? "text"
                         : before == BEFORE_EMPTY ? ""
                                                  : "17"),
                     REQUEST_OK);
    switch (before) {
    case BEFORE_DELETED:
        assert_int_equal(run(ring, owner, ask(ring, REQUEST_DELETE, key)), REQUEST_OK);
        break;
    case BEFORE_EXPIRED:
        set_for(ring, owner, key, 1);
        break;
    case BEFORE_FLUSHED:
        assert_int_equal(run(ring, owner, ask(ring, REQUEST_FLUSH, "")), REQUEST_OK);
        break;
    case BEFORE_STALE:
        invalidate(ring, owner, key);
        break;
    case BEFORE_STALE_WON: {
        invalidate(ring, owner, key);
        struct request *request = ask(ring, REQUEST_GET, key);
        request->claims = true;
        assert_int_equal(run(ring, owner, request), REQUEST_OK);
        assert_true(request->won);
        break;
    }
    case BEFORE_SHORT_LIVED:
        set_for(ring, owner, key, 10000);
        break;
    case BEFORE_SIBLINGS:
        (void)prepare_siblings(ring, owner, key);
        break;
    case BEFORE_DELETED_SIBLING:
        (void)prepare_siblings(ring, owner, key);
        delete_newest_sibling(ring, owner, key);
        break;
    default:
        break;
    }
    return old;
}

static struct request *put_question(struct ring *ring, unsigned machine, const char *key,
                                    const struct question *question, uint64_t right, uint64_t old)
{
    const struct request *options = &question->options;
    struct request *request = ask(ring, question->kind, key);
    uint64_t now_ms = node_now_ms(ring_loop(ring, machine, 0), ring->now);
    request->claims = options->claims;
    request->peek = options->peek;
    request->shows = options->shows;
    request->has_expiry = options->has_expiry;
    request->invalidate = options->invalidate;
    request->create = options->create;
    request->vivify = options->vivify;
    request->recache = options->recache;
    request->recache_first = options->recache_first;
    request->flags = options->flags;
    request->recache_ttl_s = options->recache_ttl_s;
    request->delta = options->delta;
    request->initial = options->initial;
    request->value_max = options->value_max;
    request->value = question->value == NULL ? bytes_of(NULL, 0) : text(question->value);
    request->expiry_ms = question->expiry_in_ms == 0 ? 0 : now_ms + question->expiry_in_ms;
    request->vivify_expiry_ms = question->vivify_in_ms == 0 ? 0 : now_ms + question->vivify_in_ms;
    request->has_token = question->token != TOKEN_NONE;
    request->token = question->token == TOKEN_RIGHT ? right : question->token == TOKEN_OLD ? old : 12345;
    return request;
}

static void assert_same_versions(const struct request *a, const struct request *b)
{
    assert_int_equal(a->version_count, b->version_count);
    for (uint32_t i = 0; i < a->version_count; i++) {
        const struct version *v = &a->versions[i], *w = &b->versions[i];
        assert_true(bytes_equal(v->value, w->value));
        assert_int_equal(v->flags, w->flags);
        assert_int_equal(v->expiry_ms, w->expiry_ms);
        assert_int_equal(v->marks, w->marks);
        assert_true(dot_equal(&v->dot, &w->dot));
    }
}

static void assert_same(const struct request *a, const struct request *b)
{
    if (a->status != b->status)
        print_message("%.*s, kind %d\n", (int)a->key_len, (const char *)a->key, (int)a->kind);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->failure, b->failure);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->written_token, b->written_token);
    assert_int_equal(a->written_expiry_ms, b->written_expiry_ms);
    assert_int_equal(a->created, b->created);
    assert_int_equal(a->fetched_before, b->fetched_before);
    assert_int_equal(a->idle_s, b->idle_s);
    assert_int_equal(a->won, b->won);
    assert_int_equal(a->stale, b->stale);
    assert_int_equal(a->win_sent, b->win_sent);
    assert_int_equal(a->expired, b->expired);
    assert_int_equal(a->flushed, b->flushed);
    assert_int_equal(a->touch_stamp == 0, b->touch_stamp == 0);
    assert_same_versions(a, b);
}

struct asked {
    struct ring *ring;
    unsigned machine; /* that is asked */
    uint64_t right, old;
    struct request *answer;
};

static void compare_tokens(struct asked *a, struct asked *b)
{
    if (a->answer->kind != REQUEST_GET || a->answer->status != REQUEST_OK)
        return;
    for (int pick = -1; pick < (int)a->answer->version_count; pick++) {
        uint64_t one = node_token(ring_loop(a->ring, a->machine, 0), a->answer, pick);
        uint64_t other = node_token(ring_loop(b->ring, b->machine, 0), b->answer, pick);
        assert_int_equal(one, other);
    }
}

/* One question to both rings, then what is there afterwards, as its owner says. */
static void compare(enum before before, unsigned number, const char *prefix)
{
    const struct question *question = &questions[number];
    char key[32];
    snprintf(key, sizeof key, "%sk%d-%u", prefix, (int)before, number);
    unsigned owner = place_of_key(&at_owner, key, 0);
    struct asked asked[2] = {{.ring = &at_owner, .machine = owner}, {.ring = &elsewhere, .machine = (owner + 1) % 3}};
    for (unsigned i = 0; i < 2; i++) {
        struct ring *ring = asked[i].ring;
        struct node *node = ring_loop(ring, owner, 0);
        asked[i].old = prepare(ring, owner, key, before);
        ring_pass(ring, 2500); /* so that something is idle, and what is short-lived is over */
        struct request *seen = ask(ring, REQUEST_GET, key);
        seen->peek = true;
        (void)run(ring, owner, seen);
        asked[i].right = node_token(node, seen, NODE_ALL_VERSIONS);
        asked[i].answer = put_question(ring, asked[i].machine, key, question, asked[i].right, asked[i].old);
        (void)run(ring, asked[i].machine, asked[i].answer);
    }
    assert_same(asked[0].answer, asked[1].answer);
    compare_tokens(&asked[0], &asked[1]);
    for (unsigned i = 0; i < 2; i++)
        asked[i].answer = get(asked[i].ring, owner, key);
    assert_same(asked[0].answer, asked[1].answer);
    if (before == BEFORE_DELETED_SIBLING && question->kind == REQUEST_GET && question->options.shows != 0)
        assert_int_equal(asked[0].answer->status, REQUEST_MISS); /* whoever gets one value still finds none */
}

static void compare_all(const char *prefix)
{
    ring_open(&at_owner, 3, 1);
    ring_open(&elsewhere, 3, 1);
    for (enum before before = BEFORE_NOTHING; before < BEFORES; before++) {
        if (before >= BEFORE_SIBLINGS && strcmp(prefix, "s:") != 0)
            continue;
        for (unsigned i = 0; i < QUESTIONS; i++)
            compare(before, i, prefix);
    }
    uint64_t forwarded = 0;
    for (unsigned m = 0; m < 3; m++) {
        assert_int_equal(COUNTER(&at_owner, m, forwarded), 0);
        forwarded += COUNTER(&elsewhere, m, forwarded);
    }
    assert_true(forwarded >= BEFORE_SIBLINGS * QUESTIONS);
    ring_close(&at_owner);
    ring_close(&elsewhere);
}

static void in_a_bucket_whose_stale_cas_fails(void **state)
{
    (void)state;
    compare_all("");
}

static void in_a_bucket_with_siblings(void **state)
{
    (void)state;
    compare_all("s:");
}

static void in_a_last_write_wins_bucket(void **state)
{
    (void)state;
    compare_all("l:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_bucket_whose_stale_cas_fails),
        cmocka_unit_test(in_a_bucket_with_siblings),
        cmocka_unit_test(in_a_last_write_wins_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
