#include "server/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(struct logger *log, const char *path, const char *what)
{
    logger_line(log, LEVEL_ERROR, "secret", "the secret file %s %s", path, what);
    return false;
}

static bool read_all(struct secret *secret, int fd, const char *path, struct logger *log)
{
    uint8_t beyond;
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return refuse(log, path, strerror(errno));
    if ((facts.st_mode & S_IRWXO) != 0)
        return refuse(log, path, "may be read or changed by others; chmod it to 600 (or 640)");
    while (secret->len < sizeof(secret->text)) {
        ssize_t got = read(fd, secret->text + secret->len, sizeof(secret->text) - secret->len);
        if (got < 0)
            return refuse(log, path, strerror(errno));
        if (got == 0)
            break;
        secret->len += (size_t)got;
    }
    if (read(fd, &beyond, 1) > 0)
        return refuse(log, path, "is too long; at most 4096 bytes");
    if (secret->len > 0 && secret->text[secret->len - 1] == '\n')
        secret->len--;
    if (secret->len > 0 && secret->text[secret->len - 1] == '\r')
        secret->len--;
    return secret->len > 0 || refuse(log, path, "is empty");
}

bool secret_load(struct secret *secret, const char *path, struct logger *log)
{
    _Static_assert(HANDSHAKE_SECRET_MAX == 4096, "the number in the text above");
    secret_forget(secret);
    if (path == NULL)
        return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        logger_line(log, LEVEL_ERROR, "secret", "cannot read the secret file %s: %s", path, strerror(errno));
        return false;
    }
    bool good = read_all(secret, fd, path, log);
    close(fd);
    if (!good)
        secret_forget(secret);
    return good;
}

void secret_forget(struct secret *secret)
{
    OPENSSL_cleanse(secret, sizeof(*secret));
}
