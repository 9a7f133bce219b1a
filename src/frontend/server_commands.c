/* Commands to the server itself. They are carried out when all commands before them have been answered. */
#include "base/decimal.h"
#include "frontend/task.h"
#include "protocol/reply.h"

static const struct bytes none;

enum { VERBOSITY_MAX = 2 };

static const struct session_host *host_of(const struct task *task)
{
    return task->session->frontend->host;
}

static void noop(struct task *task)
{
    answer_line(task, "MN");
}

static void version(struct task *task)
{
    struct chain *out = &task->session->out;
    const char *text = settings_of(task->session)->version;
    if (is_binary(task)) {
        reply_binary(out, &task->command, BINARY_OK, none, none, bytes_of_text(text), 0);
        return;
    }
    chain_append_text(out, "VERSION ");
    reply_line(out, text);
}

static void verbosity(struct task *task)
{
    uint64_t level = task->command.delta;
    host_of(task)->set_verbosity(host_of(task)->host, level > VERBOSITY_MAX ? VERBOSITY_MAX : (uint32_t)level);
    answer_line(task, "OK");
}

static void quit(struct task *task)
{
    if (is_binary(task))
        answer_line(task, "");
    task->session->closing = true;
}

static void refuse_flush(struct task *task)
{
    if (is_binary(task)) {
        reply_binary_error(&task->session->out, &task->command, BINARY_AUTH_ERROR);
        return;
    }
    counter_increment(&counters_of(task->session)->cmd_flush);
    answer_line(task, "CLIENT_ERROR flush_all not allowed");
}

static void shut_down(struct task *task)
{
    struct bytes mode = task->command.rest;
    bool graceful = bytes_equal(mode, bytes_of_text("graceful"));
    if (!settings_of(task->session)->shutdown_enabled) {
        answer_line(task, "ERROR: shutdown not enabled");
    } else if (mode.len != 0 && !graceful) {
        answer_line(task, "CLIENT_ERROR invalid shutdown mode");
    } else {
        task->session->closing = true;
        host_of(task)->shutdown(host_of(task)->host, graceful);
    }
}

static void memory_limit(struct task *task)
{
    bool done = host_of(task)->set_memory_limit(host_of(task)->host, task->command.delta);
    answer_line(task, done ? "OK" : "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust");
}

/* ElastiCache's auto-discovery: the length covers the line of the version and that of the members. */
static void config_get_cluster(struct task *task)
{
    const struct session_host *host = host_of(task);
    struct chain *out = &task->session->out;
    uint64_t ring_version;
    struct bytes members;
    if (host->cluster == NULL || !host->cluster(host->host, task->session, &ring_version, &members)) {
        answer_line(task, "ERROR");
        return;
    }
    uint8_t digits[DECIMAL_MAX];
    size_t digits_len = (size_t)(decimal_write(digits, ring_version) - digits);
    chain_append_text(out, "CONFIG cluster 0 ");
    reply_number(out, digits_len + 1 + members.len + 1);
    chain_append(out, bytes_of(digits, digits_len));
    chain_append_text(out, "\n");
    chain_append(out, members);
    chain_append_text(out, "\n\r\nEND\r\n");
}

void server_command(struct task *task, struct instant now)
{
    switch (task->command.kind) {
    case COMMAND_NOOP:
        noop(task);
        break;
    case COMMAND_VERSION:
        version(task);
        break;
    case COMMAND_STATS:
        stats_command(task, now);
        break;
    case COMMAND_VERBOSITY:
        verbosity(task);
        break;
    case COMMAND_QUIT:
        quit(task);
        break;
    case COMMAND_FLUSH_ALL:
        refuse_flush(task);
        break;
    case COMMAND_SHUTDOWN:
        shut_down(task);
        break;
    case COMMAND_CACHE_MEMLIMIT:
        memory_limit(task);
        break;
    case COMMAND_SLABS:
    case COMMAND_LRU:
    case COMMAND_LRU_CRAWLER:
    case COMMAND_WATCH:
        answer_line(task, task->command.error_text);
        break;
    case COMMAND_CONFIG_GET_CLUSTER:
        config_get_cluster(task);
        break;
    case COMMAND_SASL_LIST:
    case COMMAND_SASL_AUTH:
    case COMMAND_SASL_STEP:
        auth_sasl(task);
        break;
    default:
        CHECK(false); /* everything else asks the node */
    }
}
