#include "server/suboptions.h"

#include "base/check.h"
#include "base/decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum value_rule { NO_VALUE, HAS_VALUE, MAY_HAVE_VALUE };

/* Those of memcached 1.6.18 that have no effect here. TLS is not among them: silently serving in the clear would be
 * worse than not starting. */
static const struct {
    const char *name;
    enum value_rule rule;
} IGNORED[] = {
    {"hashpower", HAS_VALUE},
    {"no_hashexpand", NO_VALUE},
    {"slab_reassign", NO_VALUE},
    {"no_slab_reassign", NO_VALUE},
    {"slab_automove", MAY_HAVE_VALUE},
    {"no_slab_automove", NO_VALUE},
    {"slab_automove_ratio", HAS_VALUE},
    {"slab_automove_window", HAS_VALUE},
    {"slab_automove_freeratio", HAS_VALUE},
    {"slab_sizes", HAS_VALUE},
    {"slab_chunk_max", HAS_VALUE},
    {"tail_repair_time", HAS_VALUE},
    {"hash_algorithm", HAS_VALUE},
    {"lru_crawler", NO_VALUE},
    {"no_lru_crawler", NO_VALUE},
    {"lru_crawler_sleep", HAS_VALUE},
    {"lru_crawler_tocrawl", HAS_VALUE},
    {"lru_maintainer", NO_VALUE},
    {"no_lru_maintainer", NO_VALUE},
    {"hot_lru_pct", HAS_VALUE},
    {"warm_lru_pct", HAS_VALUE},
    {"hot_max_factor", HAS_VALUE},
    {"warm_max_factor", HAS_VALUE},
    {"temporary_ttl", HAS_VALUE},
    {"watcher_logbuf_size", HAS_VALUE},
    {"worker_logbuf_size", HAS_VALUE},
    {"track_sizes", NO_VALUE},
    {"inline_ascii_resp", NO_VALUE},
    {"no_inline_ascii_resp", NO_VALUE},
    {"no_chunked_items", NO_VALUE},
    {"modern", NO_VALUE},
    {"drop_privileges", NO_VALUE},
    {"no_drop_privileges", NO_VALUE},
    {"relaxed_privileges", NO_VALUE},
    {"resp_obj_mem_limit", HAS_VALUE},
    {"read_buf_mem_limit", HAS_VALUE},
    {"sock_cookie_id", HAS_VALUE},
    {"ext_path", HAS_VALUE},
    {"ext_page_size", HAS_VALUE},
    {"ext_wbuf_size", HAS_VALUE},
    {"ext_threads", HAS_VALUE},
    {"ext_io_depth", HAS_VALUE},
    {"ext_item_size", HAS_VALUE},
    {"ext_item_age", HAS_VALUE},
    {"ext_low_ttl", HAS_VALUE},
    {"ext_recache_rate", HAS_VALUE},
    {"ext_compact_under", HAS_VALUE},
    {"ext_drop_under", HAS_VALUE},
    {"ext_max_sleep", HAS_VALUE},
    {"ext_max_frag", HAS_VALUE},
    {"ext_drop_unread", NO_VALUE},
};

static bool fail(char *error, const char *name, const char *what)
{
    snprintf(error, CONFIG_ERROR_MAX, "-o %.100s: %s", name, what);
    return false;
}

static bool ignore(struct config *config, const char *name, const char *value, char *error)
{
    for (size_t i = 0; i < sizeof(IGNORED) / sizeof(IGNORED[0]); i++) {
        if (strcmp(IGNORED[i].name, name) != 0)
            continue;
        if (IGNORED[i].rule == HAS_VALUE && value == NULL)
            return fail(error, name, "needs a value, as in name=value");
        char what[64];
        snprintf(what, sizeof(what), "-o %s", name);
        config_ignore(config, what);
        return true;
    }
    return fail(error, name,
                "unknown suboption; accepted: those of memcached 1.6.18, of which idle_timeout=<seconds>, "
                "maxconns_fast, no_maxconns_fast and no_modern have an effect");
}

static bool apply(struct config *config, const char *name, const char *value, char *error)
{
    if (strcmp(name, "idle_timeout") == 0) {
        uint64_t seconds;
        if (value == NULL || !decimal_read(bytes_of_text(value), &seconds) || seconds > INT32_MAX)
            return fail(error, name, "accepted: a number of seconds; 0 for none");
        config->idle_timeout_s = seconds;
        return true;
    }
    /* no_modern means the defaults of memcached 1.4, where connections beyond the limit wait. */
    if (strcmp(name, "maxconns_fast") == 0 || strcmp(name, "no_maxconns_fast") == 0 || strcmp(name, "no_modern") == 0) {
        config->connections_wait = name[0] == 'n';
        return true;
    }
    if (strncmp(name, "ssl_", 4) == 0)
        return fail(error, name, "this release does not offer TLS");
    return ignore(config, name, value, error);
}

bool suboptions_apply(struct config *config, const char *list, char *error)
{
    char *copy = strdup(list), *rest = NULL;
    CHECK_MEMORY(copy);
    bool good = true;
    for (char *name = strtok_r(copy, ",", &rest); good && name != NULL; name = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(name, '=');
        if (value != NULL)
            *value++ = '\0';
        good = apply(config, name, value, error);
    }
    free(copy);
    return good;
}
