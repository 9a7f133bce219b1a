/* A simulated machine with one process of ringcached on it: the real node, front end, membership and store of several
 * loops over a fake disk, with a clock of its own. */
#ifndef SIMULATOR_MACHINE_H
#define SIMULATOR_MACHINE_H

#include "base/instant.h"
#include "base/list.h"
#include "base/prng.h"
#include "frontend/session.h"
#include "membership/membership.h"
#include "node/node.h"
#include "simulator/fake_dir.h"
#include "simulator/network.h"
#include "simulator/parcel.h"
#include "simulator/plan.h"
#include "storage/store.h"

struct world;
struct client;
struct machine;

/* A client's connection as the process has it. It outlives the client's interest until its session is closed. */
struct caller {
    struct session session;
    struct machine_loop *loop;
    struct client *client; /* NULL: the client has gone */
    uint64_t generation;   /* the client's, of this connection */
    bool in_ready, paused, closing;
    struct parcel **unread; /* arrived while the session did not read */
    unsigned unread_count, unread_room;
    struct list on_loop, ready;
};

struct machine_loop {
    struct machine *machine;
    unsigned number;
    struct node node;
    struct frontend frontend;
    struct list endpoints, callers, ready;
    struct dial dials[PLAN_NODES_MAX];
    uint64_t tick_at_ns; /* of the earliest tick event that is under way, UINT64_MAX: none */
    bool settles_later;  /* an event for what was left unsettled is under way */
};

enum machine_state { MACHINE_DOWN, MACHINE_UP, MACHINE_STOPPING };

/* How the last process ended, and what became of its data directory since. */
enum machine_end {
    END_NEVER_RAN,
    END_CLEAN,
    END_KILLED,  /* what was in memory is gone, what was written is there */
    END_POWER,   /* what was not synced is gone, too */
    END_WIPED,   /* there is an empty directory */
    END_RESTORED /* an earlier copy of the directory */
};

struct machine {
    struct world *world;
    unsigned index;
    char name[8], address[24];
    enum machine_state state;
    bool paused, restarts; /* restarts: stops in order to start again */
    struct event *backlog; /* of a paused machine */
    size_t backlog_count, backlog_room;
    uint64_t stops_until_ns; /* when it must have come to rest */
    unsigned starts;
    /* Clock: monotonic = base + elapsed * (1 + drift), wall = monotonic + offset. */
    int64_t drift_ppm;
    uint64_t mono_base_ns, wall_offset_ms;
    int64_t step_ms; /* all steps so far together */
    int64_t far_ms;  /* how far off the wall clock is besides */
    /* What survives the process. */
    struct fake_dir dir;
    struct fake_dir *copy;    /* of the directory, as it was earlier; NULL */
    enum machine_end end;     /* of the last process */
    bool has_forgotten;       /* who it was: its directory was lost, and it has not been refilled since */
    uint64_t boot;            /* of the machine: another one after each loss of power */
    bool is_joiner;           /* is taken in later: names one member as its seed */
    uint32_t slow_storage_us; /* so much later than usual comes each turn of the storage and the sync thread */
    /* The process. */
    uint64_t incarnation, generation; /* generation: one more for each start and stop */
    bool is_ghost;                    /* being laid to rest: nothing that it does is seen by anyone */
    uint64_t ghost_ns;                /* how far its clock has been put forward for that */
    enum machine_end crash_due;       /* at the end of the present event, before anything leaves the machine */
    bool read_failed;                 /* the last machine_read: there is a record, and it is damaged */
    struct store *store, *hint_store; /* hint_store NULL: alone in the ring */
    struct node_shared *shared;
    struct membership *membership;
    uint64_t membership_at_ns; /* of the earliest event for it that is under way */
    uint64_t storage_at_ns;    /* of the storage thread's next turn */
    bool sync_called;
    unsigned loop_count; /* that serve; one more sweeps */
    struct machine_loop loops[PLAN_LOOPS_MAX + 1];
    struct session_settings session_settings;
    struct session_host session_host;
    uint64_t epoch;          /* of the view in force; 0: none */
    uint64_t quiet_since_ns; /* since when it has been neither paused nor stopped nor started */
};

/* Names the machine; nothing runs. */
void machine_init(struct machine *machine, struct world *world, unsigned index);
/* Frees what survived the last process. */
void machine_close(struct machine *machine);

/* Starts the process. */
void machine_start(struct machine *machine);
/* Begins a clean stop: clients are sent away, what is under way ends, everything is checkpointed. With `again` it
 * starts anew soon after. */
void machine_stop(struct machine *machine, bool again);
/* Ends the process at once, between two events; `end` tells what becomes of the directory (END_KILLED ...). It starts
 * again later (damage.c). */
void machine_crash(struct machine *machine, enum machine_end end);
/* It starts so much later, if it is down then. */
void machine_start_later(struct machine *machine, uint64_t delay_ns);
/* Keeps a copy of the directory as it is now, for END_RESTORED. */
void machine_copy_dir(struct machine *machine);
/* Nothing happens on a paused machine; afterwards everything that came meanwhile happens at once. */
void machine_pause(struct machine *machine);
void machine_resume(struct machine *machine);
/* Sets the wall clock. */
void machine_step_clock(struct machine *machine, int64_t ms);

/* The machine's own time. */
struct instant machine_now(const struct machine *machine);
/* Is it up, a member of the ring, and does it take clients? */
bool machine_serves(const struct machine *machine);
/* Has it, after it had lost its directory, got back all that it is owed? */
bool machine_is_restored(const struct machine *machine);
/* The number of a machine by its peer address or its name, -1: none. */
int machine_by_address(const struct world *world, const char *address);

/* Something was told to its membership: does what follows, sets the timer. */
void machine_follow_membership(struct machine *machine);

/* Ends a turn of one of its loops: what has ended goes on, what is to be written is written, the timer is set. */
void machine_end_turn(struct machine_loop *loop);

/* A client has connected; NULL when the machine does not take it. */
struct caller *machine_accept(struct machine *machine, unsigned loop, struct client *client, uint64_t generation);
/* Bytes from the client have come. */
void machine_hear(struct caller *caller, struct parcel *parcel);
/* The client is gone. */
void machine_hang_up(struct caller *caller);

/* The newest record of a key of the run, as the store has it: a blob that the caller releases, or NULL. The machine is
 * up.
 */
struct blob *machine_read(struct machine *machine, unsigned key);
/* The same of the hint that it keeps for the machine `owner`. */
struct blob *machine_read_hint(struct machine *machine, unsigned key, unsigned owner);

#endif
