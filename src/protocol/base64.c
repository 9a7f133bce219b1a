#include "protocol/base64.h"

#include "base/check.h"
#include "protocol/command.h"

#include <openssl/evp.h>

bool base64_decode(struct bytes text, uint8_t *out, size_t *len)
{
    CHECK(text.len <= KEY_MAX);
    if (text.len == 0 || text.len % 4 != 0)
        return false;
    uint8_t decoded[KEY_MAX], again[KEY_MAX + 4];
    int whole = EVP_DecodeBlock(decoded, text.at, (int)text.len);
    if (whole < 0)
        return false;
    int padding = (text.at[text.len - 1] == '=') + (text.at[text.len - 2] == '=');
    if (whole <= padding)
        return false;
    /* EVP_DecodeBlock forgives much; encoding again shows whether there was anything to forgive. */
    int encoded = EVP_EncodeBlock(again, decoded, whole - padding);
    if (!bytes_equal(bytes_of(again, (size_t)encoded), text))
        return false;
    *len = (size_t)(whole - padding);
    memcpy(out, decoded, *len);
    return true;
}
