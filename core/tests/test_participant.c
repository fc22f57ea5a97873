/* Who is attached, and who of them lives: decided by the kernel, never by time. */
#define _GNU_SOURCE
#include "check.h"
#include "endpoint.h"
#include "lock_object.h"
#include "peer.h"

#include "participant.h"

#include <fcntl.h>
#include <pthread.h>

enum { PARTICIPANTS = 8 };

static struct memlane_participant_entry *entries(const struct memlane_segment *segment) {
    return (void *)(segment->base + segment->header.participants_offset);
}

/* -- attaching ---------------------------------------------------------------------------------------------------- */

static void endpoints_take_the_lowest_free_index(void) {
    struct memlane_segment segments[PARTICIPANTS];
    for (uint32_t i = 0; i < PARTICIPANTS; i++) {
        lock_object_open(&segments[i], PARTICIPANTS);
        CHECK_EQUAL(i, segments[i].index);
    }
    lock_object_close(&segments[1]);

    lock_object_open(&segments[1], PARTICIPANTS);

    CHECK_EQUAL(1, segments[1].index);
    for (uint32_t i = 0; i < PARTICIPANTS; i++) {
        lock_object_close(&segments[i]);
    }
    endpoint_unlink("locks");
}

static void each_attachment_has_a_tag_of_its_own(void) {
    uint32_t former = 0;
    for (int i = 0; i < 100; i++) {
        struct memlane_segment segment;
        lock_object_open(&segment, PARTICIPANTS);
        CHECK(segment.tag != former);
        CHECK_EQUAL(0, memlane_tag_index(segment.tag));
        CHECK_EQUAL((uint32_t)i + 1, memlane_tag_generation(segment.tag));
        former = segment.tag;
        lock_object_close(&segment);
    }
    endpoint_unlink("locks");
}

static void an_entry_says_who_its_owner_is(void) {
    struct memlane_segment segment;
    struct memlane_process process;
    char text[MEMLANE_DESCRIPTION_SIZE], expected[MEMLANE_DESCRIPTION_SIZE];
    CHECK_CALL(prctl(PR_SET_NAME, "camera"));
    lock_object_open(&segment, PARTICIPANTS);
    memlane_platform_this_process(&process);
    const struct memlane_participant_entry *entry = &entries(&segment)[segment.index];

    CHECK_EQUAL(getpid(), memlane_load32_relaxed(&entry->pid));
    CHECK_EQUAL(process.start_time, memlane_load_relaxed(&entry->start_time));
    CHECK_EQUAL(process.pid_namespace, memlane_load_relaxed(&entry->pid_namespace));
    CHECK_EQUAL(memlane_platform_this_thread(), memlane_load32_relaxed(&entry->thread));
    memlane_participant_describe(&segment, segment.index, text);
    snprintf(expected, sizeof expected, "pid %d (camera)", (int)getpid());
    CHECK_STRING(expected, text);

    lock_object_close(&segment);
    endpoint_unlink("locks");
}

/* Labels come from shared memory: what they hold goes to terminals. */
static void a_hostile_label_is_shown_without_its_control_characters(void) {
    struct memlane_segment segment;
    char text[MEMLANE_DESCRIPTION_SIZE];
    lock_object_open(&segment, PARTICIPANTS);
    memset(entries(&segment)[0].label, 0x1b, sizeof entries(&segment)[0].label);

    memlane_participant_describe(&segment, 0, text);

    for (const char *at = text; *at != '\0'; at++) {
        CHECK(*at >= ' ' && *at <= '~');
    }
    memlane_participant_describe(&segment, UINT32_MAX, text);
    CHECK(strstr(text, "cannot exist") != NULL);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void one_too_many_is_refused_with_the_limit_and_the_living(void) {
    memlane_variable_options options = endpoint_options();
    memlane_variable *variables[PARTICIPANTS], *refused = NULL;
    memlane_error error;
    char living[64];
    options.object.participants = PARTICIPANTS;
    for (int i = 0; i < PARTICIPANTS; i++) {
        variables[i] = endpoint_open_with("pose", &options);
    }

    memlane_status status = memlane_variable_open(&refused, "pose", 4, &options, &error);

    CHECK_FAILURE(MEMLANE_TOO_MANY_PARTICIPANTS, "has places for 8 open endpoints and 8 are taken", status, &error);
    snprintf(living, sizeof living, "pid %d (", (int)getpid());
    CHECK_FAILURE(MEMLANE_TOO_MANY_PARTICIPANTS, living, status, &error);
    memlane_variable_free(variables[2]);
    variables[2] = endpoint_open_with("pose", &options);
    for (int i = 0; i < PARTICIPANTS; i++) {
        memlane_variable_free(variables[i]);
    }
    endpoint_unlink("pose");
}

static void as_many_as_the_layout_allows_can_attach(void) {
    static memlane_variable *variables[MEMLANE_PARTICIPANTS_MAXIMUM];
    memlane_variable_options options = endpoint_options();
    options.object.participants = MEMLANE_PARTICIPANTS_MAXIMUM;
    options.max_size = 64;
    for (int i = 0; i < MEMLANE_PARTICIPANTS_MAXIMUM; i++) {
        variables[i] = endpoint_open_with("pose", &options);
    }
    endpoint_write(variables[MEMLANE_PARTICIPANTS_MAXIMUM - 1], 1);
    CHECK_EQUAL(1, endpoint_read(variables[0]));
    CHECK_EQUAL(MEMLANE_PARTICIPANTS_MAXIMUM, endpoint_statistics(variables[0]).live_participants);
    for (int i = 0; i < MEMLANE_PARTICIPANTS_MAXIMUM; i++) {
        memlane_variable_free(variables[i]);
    }
    endpoint_unlink("pose");
}

/* -- verdicts ------------------------------------------------------------------------------------------------------- */

static void attach_and_wait(int socket) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    peer_tell(socket, segment.tag);
    peer_hear(socket);
    lock_object_close(&segment);
    peer_tell(socket, 0);
    peer_hear(socket);
}

static void the_living_are_alive_and_the_killed_are_dead(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    for (int i = 0; i < 50; i++) {
        struct peer peer = peer_start(attach_and_wait);
        uint32_t tag = (uint32_t)peer_hear(peer.socket);
        CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict_of_tag(&segment, tag));
        CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict(&segment, memlane_tag_index(tag)));

        peer_kill(&peer);

        CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, tag));
        CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict(&segment, memlane_tag_index(tag)));
    }
    CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict_of_tag(&segment, segment.tag));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void a_zombie_is_dead(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    struct peer peer = peer_start(attach_and_wait);
    uint32_t tag = (uint32_t)peer_hear(peer.socket);

    CHECK_CALL(kill(peer.pid, SIGKILL));
    /* Until it can be reaped, without reaping it. The state in /proc is the first thread's alone: 'Z' while another one,
     * such as ThreadSanitizer's, still holds the descriptors. */
    siginfo_t ended;
    CHECK_CALL(waitid(P_PID, (id_t)peer.pid, &ended, WEXITED | WNOWAIT));

    CHECK_EQUAL('Z', peer_state(peer.pid));
    CHECK_EQUAL(0, kill(peer.pid, 0)); /* who asks the pid is told that it lives */
    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, tag));
    peer_reap(&peer);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void a_stopped_process_is_alive(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    struct peer peer = peer_start(attach_and_wait);
    uint32_t tag = (uint32_t)peer_hear(peer.socket);

    CHECK_CALL(kill(peer.pid, SIGSTOP));
    CHECK_WAIT_UNTIL(peer_state(peer.pid) == 'T');

    CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict_of_tag(&segment, tag));
    peer_kill(&peer);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void who_closed_is_dead_though_the_process_lives(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    struct peer peer = peer_start(attach_and_wait);
    uint32_t tag = (uint32_t)peer_hear(peer.socket);

    peer_tell(peer.socket, 0);
    peer_hear(peer.socket);

    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, tag));
    peer_kill(&peer);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void a_former_owner_of_an_index_is_dead_while_the_present_one_lives(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    struct peer former = peer_start(attach_and_wait);
    uint32_t former_tag = (uint32_t)peer_hear(former.socket);
    peer_kill(&former);
    struct peer present = peer_start(attach_and_wait);
    uint32_t present_tag = (uint32_t)peer_hear(present.socket);

    CHECK_EQUAL(memlane_tag_index(former_tag), memlane_tag_index(present_tag));
    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, former_tag));
    CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict_of_tag(&segment, present_tag));

    peer_kill(&present);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void tags_that_cannot_exist_are_dead(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, 0));
    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, memlane_tag(PARTICIPANTS, 1)));
    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, (uint32_t)MEMLANE_LOCK_TAG));
    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict(&segment, UINT32_MAX));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

/* -- evidence beside the lock ------------------------------------------------------------------------------------------ */

static void *tell_and_wait(void *argument) {
    int socket = *(int *)argument;
    CHECK_WAIT_UNTIL(peer_state(getpid()) == 'Z');
    peer_tell(socket, 0);
    peer_hear(socket);
    _exit(0);
}

static void end_the_first_thread(int socket) {
    struct memlane_segment segment;
    pthread_t thread;
    lock_object_open(&segment, PARTICIPANTS);
    peer_tell(socket, segment.tag);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, tell_and_wait, &socket));
    pthread_exit(NULL);
}

/* /proc shows such a process as a zombie. */
static void a_process_whose_first_thread_ended_is_alive(void) {
    struct memlane_segment segment;
    if (CHECK_THREAD_SANITIZER) {
        check_skip("ThreadSanitizer ends the process with its first thread");
    }
    lock_object_open(&segment, PARTICIPANTS);
    struct peer peer = peer_start(end_the_first_thread);
    uint32_t tag = (uint32_t)peer_hear(peer.socket);
    peer_hear(peer.socket);

    CHECK_EQUAL('Z', peer_state(peer.pid));
    CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict_of_tag(&segment, tag));

    peer_kill(&peer);
    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, tag));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static void lose_the_lock_and_wait(int socket) {
    memlane_variable *variable = endpoint_open("pose");
    memlane_variable_options options = endpoint_options();
    memlane_variable_properties properties;
    memlane_view view;
    memlane_error error;
    memlane_variable_describe(variable, &properties);
    for (int descriptor = 3; descriptor < 200; descriptor++) {
        if (descriptor != socket) {
            close(descriptor);
        }
    }
    peer_tell(socket, 0);
    peer_hear(socket);
    endpoint_write(variable, 2); /* the mapping is all that it needs */
    CHECK_EQUAL(2, endpoint_read(variable));
    CHECK_FAILURE(MEMLANE_OWNERSHIP_LOST, "another part of this program closed its descriptor",
                  memlane_variable_view(variable, &view, &error), &error);
    int foreign[200];
    for (int i = 0; i < 100; i++) {
        foreign[i] = open("/dev/null", O_RDWR | O_CLOEXEC); /* takes the number that was the segment's */
    }
    memlane_variable_free(variable);
    for (int i = 0; i < 100; i++) {
        CHECK_CALL(fcntl(foreign[i], F_GETFD)); /* nothing of others was closed */
    }
    memlane_variable_free(endpoint_open_with("pose", &options));
}

/* os.closerange() and daemonisation close what they do not know. */
static void a_process_that_lost_its_lock_is_alive_and_harms_nobody(void) {
    struct peer peer = peer_start(lose_the_lock_and_wait);
    peer_hear(peer.socket);
    memlane_variable *variable = endpoint_open("pose");

    CHECK_EQUAL(2, endpoint_statistics(variable).live_participants);
    endpoint_write(variable, 1);
    peer_tell(peer.socket, 0);
    PEER_JOIN(&peer);

    CHECK_EQUAL(2, endpoint_read(variable));
    CHECK_EQUAL(1, endpoint_statistics(variable).live_participants);
    memlane_variable_free(variable);
    endpoint_unlink("pose");
}

static void lose_the_lock_and_attach_again(int socket) {
    struct memlane_segment segment, second;
    lock_object_open(&segment, PARTICIPANTS);
    close(segment.descriptor);
    peer_tell(socket, 0);
    lock_object_open(&second, PARTICIPANTS);
    CHECK(second.index != segment.index); /* that one still is somebody's */
    lock_object_close(&second);
    lock_object_close(&segment);
}

static void an_index_whose_owner_lost_its_lock_is_given_to_nobody(void) {
    struct peer peer = peer_start(lose_the_lock_and_attach_again);
    peer_hear(peer.socket);
    PEER_JOIN(&peer);
    endpoint_unlink("locks");
}

static void attach_on_demand(int socket) {
    struct memlane_segment segment;
    peer_hear(socket);
    lock_object_open(&segment, PARTICIPANTS);
    peer_tell(socket, segment.index);
    peer_hear(socket);
    lock_object_close(&segment);
}

static struct peer newcomer;

static void clean_while_another_attaches(struct memlane_segment *segment, uint32_t index) {
    peer_tell(newcomer.socket, 0);
    CHECK(peer_hear(newcomer.socket) != index); /* else we would clean what is the newcomer's */
    lock_object_clean(segment, index);
}

static void who_lost_its_lock_gives_the_index_away_only_when_it_is_clean(void) {
    struct memlane_kind kind = lock_object_kind;
    struct memlane_segment segment;
    kind.clean = clean_while_another_attaches;
    newcomer = peer_start(attach_on_demand);
    lock_object_open(&segment, PARTICIPANTS);
    close(segment.descriptor);
    segment.kind = &kind;

    lock_object_close(&segment);

    peer_tell(newcomer.socket, 0);
    PEER_JOIN(&newcomer);
    endpoint_unlink("locks");
}

/* The text of the error says: open it anew. Then the system gives out the same number. */
static void who_lost_its_descriptor_does_not_close_that_of_the_next_endpoint(void) {
    struct memlane_segment lost, next;
    lock_object_open(&lost, PARTICIPANTS);
    int number = lost.descriptor;
    close(number);
    lock_object_open(&next, PARTICIPANTS);
    CHECK_EQUAL(number, next.descriptor);

    lock_object_close(&lost);

    CHECK(memlane_participant_descriptor_is_ours(&next, next.descriptor));
    lock_object_close(&next);
    endpoint_unlink("locks");
}

/* The number that was lost is the first that the fork is given for its child's descriptors. */
static void a_child_does_not_close_its_own_in_place_of_what_its_parent_lost(void) {
    struct memlane_segment lost, other;
    int below[16], count = 0;
    lock_object_open(&lost, PARTICIPANTS);
    lock_object_open(&other, PARTICIPANTS);
    close(lost.descriptor);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (next < lost.descriptor && count < 16) {
        below[count++] = next;
        next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    CHECK_EQUAL(lost.descriptor, next);
    close(next);
    fflush(stdout);
    pid_t child = fork();
    CHECK_CALL(child);
    if (child == 0) {
        CHECK(memlane_participant_descriptor_is_ours(&other, other.descriptor));
        _exit(0);
    }
    int status;
    CHECK_CALL(waitpid(child, &status, 0));
    CHECK_EQUAL(0, status);
    while (count > 0) {
        close(below[--count]);
    }
    lock_object_close(&lost);
    lock_object_close(&other);
    endpoint_unlink("locks");
}

/* The start time tells a process from a later one of the same pid. */
static void an_entry_of_a_pid_that_is_used_again_is_dead(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    struct memlane_participant_entry *entry = &entries(&segment)[2];
    struct memlane_process process;
    memlane_platform_this_process(&process);
    memlane_store_relaxed(&entry->pid_namespace, process.pid_namespace);
    memlane_store_relaxed(&entry->start_time, process.start_time);
    memlane_store32_release(&entry->pid, process.pid);
    CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict(&segment, 2));

    memlane_store_relaxed(&entry->start_time, process.start_time - 1);

    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict(&segment, 2));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

/* A descriptor number means nothing once somebody else may have closed it. */
static void another_file_behind_the_descriptor_is_noticed(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    CHECK(memlane_participant_descriptor_is_ours(&segment, segment.descriptor));

    int kept = dup(segment.descriptor), other = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK_CALL(dup2(other, segment.descriptor));
    CHECK(!memlane_participant_descriptor_is_ours(&segment, segment.descriptor));
    CHECK(!memlane_participant_descriptor_is_ours(&segment, -1));

    CHECK_CALL(dup2(kept, segment.descriptor));
    close(kept);
    close(other);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

/* -- cleaning -------------------------------------------------------------------------------------------------------- */

static void collecting_cleans_the_dead_and_leaves_the_living(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, PARTICIPANTS);
    struct peer living = peer_start(attach_and_wait);
    uint32_t living_tag = (uint32_t)peer_hear(living.socket);
    struct peer dead = peer_start(attach_and_wait);
    uint32_t dead_tag = (uint32_t)peer_hear(dead.socket);
    peer_kill(&dead);
    CHECK(memlane_load32_relaxed(&entries(&segment)[memlane_tag_index(dead_tag)].pid) != 0);

    memlane_participant_collect(&segment);

    CHECK_EQUAL(0, memlane_load32_relaxed(&entries(&segment)[memlane_tag_index(dead_tag)].pid));
    CHECK_EQUAL(living.pid, memlane_load32_relaxed(&entries(&segment)[memlane_tag_index(living_tag)].pid));
    CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict_of_tag(&segment, living_tag));
    CHECK_EQUAL(MEMLANE_DEAD, memlane_participant_verdict_of_tag(&segment, dead_tag));
    CHECK_EQUAL(MEMLANE_ALIVE, memlane_participant_verdict_of_tag(&segment, segment.tag));
    peer_kill(&living);
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

/* What a death leaves is taken by the next one who attaches: no table fills up with the dead. */
static void a_thousand_deaths_use_no_place_up(void) {
    struct memlane_segment segment;
    lock_object_open(&segment, 2);
    for (int i = 0; i < 1000; i++) {
        pid_t child = fork();
        CHECK_CALL(child);
        if (child == 0) {
            raise(SIGKILL); /* with the index that it inherited */
        }
        CHECK_CALL(waitpid(child, NULL, 0));
    }
    CHECK_EQUAL(1, memlane_participant_survey(&segment, NULL, 0));
    lock_object_close(&segment);
    endpoint_unlink("locks");
}

static const struct check_test tests[] = {
    {"endpoints take the lowest free index", endpoints_take_the_lowest_free_index},
    {"each attachment has a tag of its own", each_attachment_has_a_tag_of_its_own},
    {"an entry says who its owner is", an_entry_says_who_its_owner_is},
    {"a hostile label is shown without its control characters",
     a_hostile_label_is_shown_without_its_control_characters},
    {"one too many is refused with the limit and the living", one_too_many_is_refused_with_the_limit_and_the_living},
    {"as many as the layout allows can attach", as_many_as_the_layout_allows_can_attach},
    {"the living are alive and the killed are dead", the_living_are_alive_and_the_killed_are_dead},
    {"a zombie is dead", a_zombie_is_dead},
    {"a stopped process is alive", a_stopped_process_is_alive},
    {"who closed is dead though the process lives", who_closed_is_dead_though_the_process_lives},
    {"a former owner of an index is dead while the present one lives",
     a_former_owner_of_an_index_is_dead_while_the_present_one_lives},
    {"tags that cannot exist are dead", tags_that_cannot_exist_are_dead},
    {"a process whose first thread ended is alive", a_process_whose_first_thread_ended_is_alive},
    {"a process that lost its lock is alive and harms nobody", a_process_that_lost_its_lock_is_alive_and_harms_nobody},
    {"an index whose owner lost its lock is given to nobody", an_index_whose_owner_lost_its_lock_is_given_to_nobody},
    {"who lost its lock gives the index away only when it is clean",
     who_lost_its_lock_gives_the_index_away_only_when_it_is_clean},
    {"who lost its descriptor does not close that of the next endpoint",
     who_lost_its_descriptor_does_not_close_that_of_the_next_endpoint},
    {"a child does not close its own in place of what its parent lost",
     a_child_does_not_close_its_own_in_place_of_what_its_parent_lost},
    {"an entry of a pid that is used again is dead", an_entry_of_a_pid_that_is_used_again_is_dead},
    {"another file behind the descriptor is noticed", another_file_behind_the_descriptor_is_noticed},
    {"collecting cleans the dead and leaves the living", collecting_cleans_the_dead_and_leaves_the_living},
    {"a thousand deaths use no place up", a_thousand_deaths_use_no_place_up},
};

CHECK_MAIN(tests)
