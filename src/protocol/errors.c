#include "base/check.h"
#include "protocol/command.h"

const char *protocol_error_text(enum protocol_error error)
{
    switch (error) {
    case ERROR_UNKNOWN_COMMAND:
        return "ERROR";
    case ERROR_BAD_FORMAT:
        return "CLIENT_ERROR bad command line format";
    case ERROR_BAD_DELETE:
        return "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
    case ERROR_BAD_CHUNK:
        return "CLIENT_ERROR bad data chunk";
    case ERROR_BAD_DELTA:
        return "CLIENT_ERROR invalid numeric delta argument";
    case ERROR_BAD_EXPTIME:
        return "CLIENT_ERROR invalid exptime argument";
    case ERROR_NON_NUMERIC:
        return "CLIENT_ERROR cannot increment or decrement non-numeric value";
    case ERROR_TOO_LARGE:
        return "SERVER_ERROR object too large for cache";
    case ERROR_NO_MEMORY:
        return "SERVER_ERROR out of memory storing object";
    case ERROR_NONE:
    case ERROR_META:
        break;
    }
    /* These two have no text of their own. */
    CHECK(false);
}
