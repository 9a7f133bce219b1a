/* Negative controls of what survives a process, and of how a ring begins. */
#include "simulator/controls.h"
#include "simulator/world.h"

#include <string.h>

static void with_crashes(struct plan *plan)
{
    if (plan->nodes < 3)
        plan->nodes = 3;
    while (plan->ring.partition_count < plan->nodes)
        plan->ring.partition_count *= 2;
    plan->calm_permille = 0;
    plan->think_us = 2000;
    plan->episode_gap_ms = 100;
    plan->down_ms = 100;
    plan->exceeds_budget = true;
    plan->faults[FAULT_KILL] = true;
}

static void with_power_losses(struct plan *plan)
{
    with_crashes(plan);
    memset(plan->faults, 0, sizeof plan->faults);
    plan->faults[FAULT_POWER] = true;
    for (int kind = 0; kind < KEY_KINDS; kind++)
        plan->buckets[kind].durability = DURABILITY_SYNCED;
}

static void with_flips(struct plan *plan)
{
    if (plan->nodes < 3)
        plan->nodes = 3;
    while (plan->ring.partition_count < plan->nodes)
        plan->ring.partition_count *= 2;
    plan->calm_permille = 0;
    plan->faults[FAULT_FLIPS] = true;
    plan->flip_ppm = 10000;
}

static void without_joins(struct plan *plan)
{
    if (plan->nodes < 3)
        plan->nodes = 3;
    while (plan->ring.partition_count < plan->nodes)
        plan->ring.partition_count *= 2;
    plan->joins = false;
}

const struct control controls_of_rules[] = {
    {"founds-alone", "two nodes that should wait for the others found rings of their own [R13]", "epochs",
     without_joins, .founds_alone = true},
    {"lost-logs", "of a killed process the log is lost [R15]", "kept", with_crashes, .loses_logs = true},
    {"lying-syncs", "disks only say that they have synced [R15]", "kept", with_power_losses, .syncs_lie = true},
    {"good-flips", "frames count as damaged that are not, and are believed", "verified", with_flips,
     .flips_nothing = true},
    {0},
};
