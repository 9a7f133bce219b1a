#include "server/send.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

ssize_t send_chain(int fd, const struct chain *out)
{
    struct bytes slices[SEND_SLICES_MAX];
    struct iovec parts[SEND_SLICES_MAX];
    size_t count = chain_slices(out, slices, SEND_SLICES_MAX);
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct iovec){.iov_base = (void *)(uintptr_t)slices[i].at, .iov_len = slices[i].len};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent =
        count == 1 ? send(fd, slices[0].at, slices[0].len, MSG_NOSIGNAL) : sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    return sent;
}
