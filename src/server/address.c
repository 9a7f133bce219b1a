#include "server/address.h"

#include "base/decimal.h"

#include <stdio.h>
#include <string.h>

bool address_split(const char *text, struct address *out)
{
    const char *colon = strrchr(text, ':'), *host = text;
    uint64_t port;
    if (colon == NULL || strlen(text) > RING_ADDRESS_MAX || text[strcspn(text, " \t\r\n,;")] != '\0')
        return false;
    size_t len = (size_t)(colon - text);
    if (*host == '[') {
        if (len < 3 || host[len - 1] != ']')
            return false;
        host++;
        len -= 2;
    } else if (memchr(host, ':', len) != NULL) {
        return false; /* an IPv6 address: which colon is the port's? */
    }
    if (!decimal_read(bytes_of_text(colon + 1), &port) || port > 65535)
        return false;
    if (len == 1 && *host == '*')
        len = 0;
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    out->port = (uint16_t)port;
    return true;
}

bool address_join(const char *host, unsigned port, char *text)
{
    const char *format = strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u";
    int len = snprintf(text, RING_ADDRESS_MAX + 1, format, host, port);
    return len >= 0 && len <= RING_ADDRESS_MAX;
}
