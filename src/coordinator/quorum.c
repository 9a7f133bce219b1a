#include "coordinator/quorum.h"

#include "base/check.h"

struct quorum quorum_of(unsigned owners, unsigned needed)
{
    CHECK(owners >= 1 && owners <= 8);
    uint16_t mask = (uint16_t)((1U << owners) - 1);
    return (struct quorum){.owners = mask, .places = mask, .needed = (uint8_t)needed};
}

void quorum_admit(struct quorum *quorum, unsigned place)
{
    CHECK(place < 16);
    quorum->places |= quorum_bit(place);
}

void quorum_yes(struct quorum *quorum, unsigned place)
{
    quorum->yes |= quorum_bit(place) & quorum->places;
    quorum->no &= (uint16_t)~quorum->yes;
}

void quorum_no(struct quorum *quorum, unsigned place)
{
    quorum->no |= quorum_bit(place) & quorum->places & (uint16_t)~quorum->yes;
}

enum quorum_verdict quorum_verdict_of(const struct quorum *quorum)
{
    if (quorum_count(quorum->yes) >= quorum->needed)
        return QUORUM_MET;
    unsigned possible = quorum_count(quorum->places & (uint16_t)~quorum->no);
    return possible >= quorum->needed ? QUORUM_POSSIBLE : QUORUM_IMPOSSIBLE;
}

unsigned quorum_missing(const struct quorum *quorum)
{
    unsigned have = quorum_count(quorum->yes);
    return have >= quorum->needed ? 0 : quorum->needed - have;
}

bool quorum_is_unanimous(const struct quorum *quorum)
{
    return (quorum->yes & quorum->owners) == quorum->owners;
}
