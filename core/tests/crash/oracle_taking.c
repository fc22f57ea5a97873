#include "oracle_taking.h"

#include "guard.h"

enum { PUTS = 3, FIRST_VALUE = 4000 };

static const struct machine_report *report_of(const struct inquest *inquest, uint32_t i) {
    return &machine->report[inquest->player[i].actor.report];
}

static bool took(const struct inquest *inquest, uint32_t i) {
    const struct machine_report *report = report_of(inquest, i);
    return (inquest->player[i].actor.operation->traits & TAKES) != 0 && report->phase == MACHINE_AFTER &&
           report->status == MEMLANE_OK;
}

static uint64_t taken(enum role role) {
    return memlane_taking_newest(&scene.endpoint[role].taking);
}

/* As a share does it: the slot of what was taken is used again. */
static memlane_status put(enum role role, uint64_t value) {
    memlane_taking_make_way(&scene_become(role)->taking);
    return scene_write(role, value);
}

void taking_interfere(struct inquest *inquest) {
    uint64_t value, version;
    inquest->taken_before = taken(WRITER);
    for (uint64_t turn = 0; turn < inquest->step % PUTS; turn++) {
        if (guard_count_writable(&scene.endpoint[WRITER].reg) > 0) {
            ORACLE_REQUIRE(put(WRITER, scene.base + 1) == MEMLANE_OK, "a survivor cannot put");
            scene.base++;
        }
    }
    memlane_status status = scene_get(WRITER, &value, &version);
    ORACLE_REQUIRE(status == MEMLANE_OK || status == MEMLANE_EMPTY, "a survivor gets: %s", memlane_status_name(status));
    inquest->taken_meanwhile = status == MEMLANE_OK ? version : 0;
}

/* One that the victim took after it was resumed is newer than all that the others took while it was stopped. */
static void check_order(const struct inquest *inquest) {
    uint64_t version = report_of(inquest, 0)->version;
    ORACLE_REQUIRE(!inquest->resumed || !took(inquest, 0) || version <= inquest->taken_before ||
                       version > inquest->taken_meanwhile,
                   "version %lu was got after %lu", (unsigned long)version, (unsigned long)inquest->taken_meanwhile);
}

static void check_players(const struct inquest *inquest, uint64_t newest) {
    for (uint32_t i = 0; i < inquest->players; i++) {
        uint64_t version = report_of(inquest, i)->version;
        ORACLE_REQUIRE(!took(inquest, i) || version <= newest, "version %lu was got, and still waits",
                       (unsigned long)version);
        for (uint32_t other = 0; other < i; other++) {
            ORACLE_REQUIRE(!took(inquest, i) || !took(inquest, other) || version != report_of(inquest, other)->version,
                           "version %lu was got twice", (unsigned long)version);
        }
    }
}

void taking_check(const struct inquest *inquest, enum role one) {
    uint64_t expected = 0, value = 0, version;
    uint64_t newest = taken(one);
    check_order(inquest);
    check_players(inquest, newest);
    bool waits = memlane_register_version(&scene.endpoint[one].reg) > newest;
    ORACLE_REQUIRE(!waits || scene_read(one, &expected) == MEMLANE_OK, "what waits cannot be read");
    memlane_status status = scene_get(one, &value, &version);
    ORACLE_REQUIRE(status == (waits ? MEMLANE_OK : MEMLANE_EMPTY), "role %d gets: %s", one,
                   memlane_status_name(status));
    ORACLE_REQUIRE(value == expected, "role %d gets %lu, and %lu was there", one, (unsigned long)value,
                   (unsigned long)expected);
    ORACLE_REQUIRE(taken(one) == (waits ? version : newest), "the mark went from %lu to %lu", (unsigned long)newest,
                   (unsigned long)taken(one));
}

static void get_nothing(enum role role) {
    uint64_t value, version;
    memlane_status status = scene_get(role, &value, &version);
    ORACLE_REQUIRE(status == MEMLANE_EMPTY, "role %d gets what was taken: %s", role, memlane_status_name(status));
}

void taking_exercise(enum role one, enum role other) {
    uint64_t value = 0, version;
    if (guard_count_writable(&scene.endpoint[one].reg) == 0) {
        return;
    }
    for (uint64_t turn = 0; turn < PUTS; turn++) {
        ORACLE_REQUIRE(put(one, FIRST_VALUE + turn) == MEMLANE_OK, "role %d cannot put", one);
    }
    memlane_status status = scene_get(other, &value, &version);
    ORACLE_REQUIRE(status == MEMLANE_OK && value == FIRST_VALUE + PUTS - 1, "role %d gets %lu: %s", other,
                   (unsigned long)value, memlane_status_name(status));
    get_nothing(one);
    get_nothing(other);
}
