#include "frontend/input.h"

#include "base/check.h"

#include <stdlib.h>

enum { ROOM_MIN = 512 };

/* Room for `more` bytes behind what is there. The buffer doubles, and bytes move to its front only when at least as
 * many have been dropped, so a byte is copied a bounded number of times however the input is split. */
static void make_room(struct input *input, size_t more)
{
    if (input->room - input->start - input->len >= more)
        return;
    if (input->room - input->len >= more && input->start >= input->len) {
        memmove(input->memory, input->memory + input->start, input->len);
        input->start = 0;
        return;
    }
    size_t room = input->room < ROOM_MIN ? ROOM_MIN : input->room;
    while (room < input->len + more)
        room *= 2;
    if (room < 2 * input->len)
        room *= 2;
    uint8_t *memory = malloc(room);
    CHECK_MEMORY(memory);
    if (input->len > 0)
        memcpy(memory, input->memory + input->start, input->len);
    free(input->memory);
    input->memory = memory;
    input->start = 0;
    input->room = room;
}

void input_append(struct input *input, struct bytes more)
{
    if (more.len == 0)
        return;
    make_room(input, more.len);
    memcpy(input->memory + input->start + input->len, more.at, more.len);
    input->len += more.len;
}

void input_keep_last(struct input *input, size_t len)
{
    CHECK(len <= input->len);
    if (len == 0) {
        input_close(input);
        return;
    }
    input->start += input->len - len;
    input->len = len;
}

void input_close(struct input *input)
{
    free(input->memory);
    *input = (struct input){0};
}
