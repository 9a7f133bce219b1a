#include "coordinator/quorum.h"

#include "base/check.h"

struct quorum quorum_of(unsigned owners, unsigned needed)
{
    CHECK(owners >= 1 && owners <= 8);
    uint16_t mask = (uint16_t)((1U << owners) - 1);
    return (struct quorum){.owners = mask, .places = mask, .needed = (uint8_t)needed};
}

void quorum_admit(struct quorum *quorum, unsigned place, unsigned owner)
{
    CHECK(place < 16 && (quorum->owners & quorum_bit(owner)) != 0);
    quorum->places |= quorum_bit(place);
    quorum->owner_of[place] = (uint8_t)owner;
}

/* How many owners are among these places or have somebody there who stands in for them. */
static unsigned count_owners(const struct quorum *quorum, uint16_t places)
{
    uint16_t owners = places & quorum->owners;
    for (uint16_t rest = places & (uint16_t)~quorum->owners; rest != 0; rest &= (uint16_t)(rest - 1))
        owners |= quorum_bit(quorum->owner_of[__builtin_ctz(rest)]);
    return quorum_count(owners);
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
    if (count_owners(quorum, quorum->yes) >= quorum->needed)
        return QUORUM_MET;
    unsigned possible = count_owners(quorum, quorum->places & (uint16_t)~quorum->no);
    return possible >= quorum->needed ? QUORUM_POSSIBLE : QUORUM_IMPOSSIBLE;
}

unsigned quorum_missing(const struct quorum *quorum)
{
    unsigned have = count_owners(quorum, quorum->yes);
    return have >= quorum->needed ? 0 : quorum->needed - have;
}

bool quorum_is_unanimous(const struct quorum *quorum)
{
    return (quorum->yes & quorum->owners) == quorum->owners;
}
