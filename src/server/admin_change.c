#include "server/admin_change.h"

#include "server/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_TEXT_MAX = 32 /* of a number */ };

__attribute__((format(printf, 2, 3))) static bool refuse(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, CONFIG_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* What stands in the file for a value. NULL: it cannot stand there. */
static const char *text_of(const json_t *value, char *number)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "on" : "off";
    if (!json_is_integer(value))
        return NULL;
    snprintf(number, VALUE_TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return number;
}

static bool set(struct bucket *bucket, const char *name, const json_t *value, char *error)
{
    const struct option_spec *option = option_find(name, SECTION_BUCKET);
    char number[VALUE_TEXT_MAX], why[CONFIG_ERROR_MAX];
    const char *text = text_of(value, number);
    if (option == NULL)
        return refuse(error, "\"%.40s\" is no setting of a bucket; ringcached --help lists them", name);
    if (text == NULL)
        return refuse(error, "%.40s: a text or a whole number is accepted", name);
    if (!option_set(option, bucket, text, why))
        return refuse(error, "%.40s: %.400s", name, why);
    return true;
}

/* The bucket as it is, or a new one with the defaults. */
static bool find(struct bucket *bucket, const struct bucket_table *table, unsigned copies, const char *name,
                 char *error)
{
    size_t len = strlen(name);
    for (uint32_t i = 0; i < table->count; i++) {
        if (strcmp(table->buckets[i].name, name) == 0) {
            *bucket = table->buckets[i];
            return true;
        }
    }
    if (len == 0 || len > BUCKET_NAME_MAX || name[strcspn(name, " \t[]")] != '\0')
        return refuse(error, "a bucket's name has 1 to %d bytes without spaces and brackets", BUCKET_NAME_MAX);
    *bucket = bucket_default(name);
    bucket->r = bucket->w = copies < 2 ? 1 : 2;
    return true;
}

static bool judge(const struct bucket *bucket, unsigned copies, char *error)
{
    const char *conflict = bucket_conflict(bucket);
    if (bucket->r > copies || bucket->w > copies)
        return refuse(error, "bucket %s: r and w are at most n = %u", bucket->name, copies);
    return conflict == NULL || refuse(error, "bucket %s: %s", bucket->name, conflict);
}

bool admin_change_buckets(struct bucket_table *to, const struct bucket_table *from, unsigned copies,
                          const json_t *change, char *error)
{
    const char *name = json_string_value(json_object_get(change, "bucket")), *key;
    struct bucket bucket;
    json_t *value;
    if (name == NULL || json_object_size(change) < 2)
        return refuse(error, "accepted: {\"bucket\": \"NAME\", \"OPTION\": \"VALUE\", ...}");
    if (!find(&bucket, from, copies, name, error))
        return false;
    json_object_foreach((json_t *)(uintptr_t)change, key, value)
    {
        if (strcmp(key, "bucket") != 0 && !set(&bucket, key, value, error))
            return false;
    }
    if (!judge(&bucket, copies, error))
        return false;
    bucket_table_copy(to, from);
    const char *wrong = bucket_table_put(to, &bucket);
    if (wrong == NULL)
        return true;
    bucket_table_close(to);
    return refuse(error, "bucket %s: %s", bucket.name, wrong);
}
