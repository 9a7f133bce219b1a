/* A small file that is replaced whole: after a crash it holds what was written last, or what was there before. */
#ifndef SERVER_STATE_FILE_H
#define SERVER_STATE_FILE_H

#include "base/bytes.h"
#include "server/logger.h"

#include <stdbool.h>
#include <stdint.h>

enum { STATE_FILE_BYTES_MAX = 64 << 20 };

/* Writes `name`, at least one byte, in `directory` under another name first, syncs it, renames it and syncs the
 * directory. false after an error that has been logged; the old content may then still be there. */
bool state_file_write(const char *directory, const char *name, struct bytes content, struct logger *log);

/* The content, malloc'd, in *content (NULL and 0 bytes when there is no such file). false after a logged error; a file
 * without a byte in it is one. */
bool state_file_read(const char *directory, const char *name, uint8_t **content, size_t *len, struct logger *log);

#endif
