/* Who may speak: -Y for text, where a `set` carries user and password, and SASL PLAIN for binary (-S). */
#include "base/decimal.h"
#include "frontend/limits.h"
#include "frontend/task.h"
#include "protocol/reply.h"

static const struct bytes none;

static bool verify(struct session *session, struct bytes user, struct bytes password)
{
    const struct session_host *host = session->frontend->host;
    bool ok = host->verify(host->host, user, password);
    counter_increment(&counters_of(session)->auth_cmds);
    if (!ok)
        counter_increment(&counters_of(session)->auth_errors);
    return ok;
}

/* "set <anything> <anything> <anything> <length>": all that an unknown client may say. */
static bool read_auth_line(struct bytes line, uint64_t *value_len)
{
    struct bytes word = none;
    for (unsigned i = 0; i < 5; i++) {
        if (!text_next_key(&line, &word))
            return false;
        if (i == 0 && !bytes_equal(word, bytes_of_text("set")))
            return false;
    }
    return decimal_read(word, value_len) && *value_len <= AUTH_VALUE_MAX;
}

static bool take_auth_line(struct session *session, struct input_cursor *cursor)
{
    struct session_work *work = session->work;
    struct bytes in = cursor->left;
    const uint8_t *newline = memchr(in.at, '\n', in.len);
    if (newline == NULL || newline - in.at > TEXT_LINE_MAX) {
        session->closing = in.len > TEXT_LINE_MAX;
        return session->closing;
    }
    struct bytes line = bytes_of(in.at, (size_t)(newline - in.at));
    if (line.len > 0 && newline[-1] == '\r')
        line.len--;
    work->auth_value_next = read_auth_line(line, &work->auth_value_len);
    if (!work->auth_value_next)
        reply_line(&session->out, "CLIENT_ERROR unauthenticated");
    input_skip(cursor, (size_t)(newline - in.at) + 1);
    return true;
}

static const char *judge(struct session *session, struct bytes block)
{
    struct bytes user = none, password = none;
    if (block.at[block.len - 2] != '\r' || block.at[block.len - 1] != '\n')
        return "CLIENT_ERROR bad command line termination";
    block.len -= 2;
    if (!text_next_key(&block, &user) || !text_next_key(&block, &password))
        return "CLIENT_ERROR bad authentication token format";
    session->authenticated = verify(session, user, password);
    return session->authenticated ? "STORED" : "CLIENT_ERROR authentication failure";
}

bool auth_text_step(struct session *session, struct input_cursor *cursor)
{
    struct session_work *work = session->work;
    if (!work->auth_value_next)
        return take_auth_line(session, cursor);
    size_t len = (size_t)work->auth_value_len + 2;
    if (cursor->left.len < len)
        return false;
    reply_line(&session->out, judge(session, bytes_of(cursor->left.at, len)));
    work->auth_value_next = false;
    input_skip(cursor, len);
    return true;
}

bool auth_refuses(const struct task *task)
{
    const struct session *session = task->session;
    if (!settings_of(session)->sasl || session->authenticated)
        return false;
    switch (task->command.kind) {
    case COMMAND_SASL_LIST:
    case COMMAND_SASL_AUTH:
    case COMMAND_SASL_STEP:
    case COMMAND_VERSION:
        return false;
    default:
        return true;
    }
}

/* [authorisation identity] NUL user NUL password; the identity that a client would like to act as means nothing here.
 */
static bool verify_plain(struct session *session, struct bytes message)
{
    const uint8_t *first = message.len == 0 ? NULL : memchr(message.at, 0, message.len);
    if (first == NULL) {
        counter_increment(&counters_of(session)->auth_cmds);
        counter_increment(&counters_of(session)->auth_errors);
        return false;
    }
    struct bytes rest = bytes_after(message, (size_t)(first - message.at) + 1);
    const uint8_t *second = rest.len == 0 ? NULL : memchr(rest.at, 0, rest.len);
    size_t user_len = second == NULL ? rest.len : (size_t)(second - rest.at);
    struct bytes password = second == NULL ? none : bytes_after(rest, user_len + 1);
    return verify(session, bytes_of(rest.at, user_len), password);
}

static void answer_auth(struct task *task)
{
    struct session *session = task->session;
    struct chain *out = &session->out;
    session->authenticated = verify_plain(session, task->value);
    if (session->authenticated)
        reply_binary(out, &task->command, BINARY_OK, none, none, bytes_of_text("Authenticated"), 0);
    else
        reply_binary_error(out, &task->command, BINARY_AUTH_ERROR);
}

static bool is_plain(struct bytes mechanism)
{
    return bytes_equal(mechanism, bytes_of_text("PLAIN"));
}

static void start(struct task *task)
{
    struct session *session = task->session;
    session->authenticated = false;
    session->sasl_started = is_plain(task->command.key);
    if (!session->sasl_started) {
        counter_increment(&counters_of(session)->auth_cmds);
        counter_increment(&counters_of(session)->auth_errors);
        reply_binary_error(&session->out, &task->command, BINARY_AUTH_ERROR);
    } else if (task->value.len == 0) {
        /* PLAIN begins with the client: an empty challenge asks for its message. */
        reply_binary(&session->out, &task->command, BINARY_AUTH_CONTINUE, none, none, none, 0);
    } else {
        answer_auth(task);
    }
}

void auth_sasl(struct task *task)
{
    struct session *session = task->session;
    struct chain *out = &session->out;
    if (!settings_of(session)->sasl) {
        reply_binary_error(out, &task->command, BINARY_UNKNOWN);
    } else if (task->command.kind == COMMAND_SASL_LIST) {
        session->authenticated = false;
        reply_binary(out, &task->command, BINARY_OK, none, none, bytes_of_text("PLAIN"), 0);
    } else if (task->command.key.len > SASL_MECHANISM_MAX) {
        reply_binary_error(out, &task->command, BINARY_INVALID);
    } else if (task->command.kind == COMMAND_SASL_AUTH) {
        start(task);
    } else if (session->sasl_started) {
        answer_auth(task);
    } else {
        counter_increment(&counters_of(session)->auth_cmds);
        counter_increment(&counters_of(session)->auth_errors);
        reply_binary_error(out, &task->command, BINARY_AUTH_ERROR);
    }
}
