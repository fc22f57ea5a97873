/* One side of an exchange, as compat/exchange.py: a C program that knows of Python's encoding a number, a tuple of one
 * and an array. */
#include <memlane/memlane.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SIZE = 65536,
    MAP_SIZE = 4096,
    CAPACITY = 3000,
    ELEMENTS = 100,
    FIRST_NUMBER = 256,
    NUMBERS = 60000,
    PICKLE_PROTOCOL = 2,
    /* Types of the plain codec, and tags in it. */
    PLAIN = 1,
    PLAIN_BUFFERS = 2,
    TWO_BYTES = 0xed,
    TUPLE_OF_ONE = 0xe1,
    ARRAY = 0xfe
};

static unsigned char sent[SIZE + MEMLANE_SHARE_HEADROOM], came[SIZE + MEMLANE_SHARE_HEADROOM];
static uint64_t sent_size, came_size;
static uint32_t sent_type, came_type;
static memlane_error error;

static void require(memlane_status status) {
    if (status != MEMLANE_OK) {
        fprintf(stderr, "exchange: %s\n", error.message);
        exit(1);
    }
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t patience(void) {
    return now_ns() + UINT64_C(30000000000);
}

/* One surface: `open` before anything is sent, then one side sends and receives, the other receives and sends. */
struct surface {
    const char *name;
    void (*open)(const char *mine, const char *theirs);
    void (*make)(unsigned number);
    void (*send)(void);
    void (*receive)(void);
};

static void note(const memlane_reading *reading) {
    came_size = reading->size;
    came_type = reading->type;
}

/* -- what is sent ------------------------------------------------------------------------------------------------ */

/* An integer of two bytes. */
static void make_number(unsigned number) {
    unsigned value = FIRST_NUMBER + number % NUMBERS;
    sent[0] = TWO_BYTES;
    sent[1] = (unsigned char)(value & 0xff);
    sent[2] = (unsigned char)(value >> 8);
    sent_size = 3;
    sent_type = PLAIN;
}

/* Of single floats: table, head and buffer. */
static void make_array(unsigned number) {
    static const unsigned char head[] = {ARRAY, 3, '<', 'f', '4', 1, ELEMENTS};
    uint32_t table[2] = {sizeof head, 1};
    uint64_t place[2] = {64, sizeof(float) * ELEMENTS};
    float elements[ELEMENTS];
    for (unsigned i = 0; i < ELEMENTS; i++) {
        elements[i] = (float)(number + i) / 3;
    }
    memset(sent, 0, 64);
    memcpy(sent, table, sizeof table);
    memcpy(sent + sizeof table, place, sizeof place);
    memcpy(sent + sizeof table + sizeof place, head, sizeof head);
    memcpy(sent + 64, elements, sizeof elements);
    sent_size = 64 + sizeof elements;
    sent_type = PLAIN_BUFFERS;
}

static void make_bytes(unsigned number) {
    sent_size = sizeof(uint32_t) * (1 + number % 1000);
    sent_type = 0;
    for (uint64_t i = 0; i < sent_size; i += sizeof(uint32_t)) {
        memcpy(sent + i, &(uint32_t){number}, sizeof(uint32_t));
    }
}

/* -- variables --------------------------------------------------------------------------------------------------- */

static memlane_variable *my_variable, *their_variable;

static memlane_variable *open_variable(const char *side) {
    char name[32];
    memlane_variable_options options;
    memlane_variable *variable;
    memlane_variable_options_initialise(&options);
    options.max_size = SIZE;
    options.encoding = PICKLE_PROTOCOL;
    snprintf(name, sizeof name, "variable %s", side);
    require(memlane_variable_open(&variable, name, strlen(name), &options, &error));
    return variable;
}

static void open_variables(const char *mine, const char *theirs) {
    my_variable = open_variable(mine);
    their_variable = open_variable(theirs);
}

static void write_variable(void) {
    require(memlane_variable_write(my_variable, sent, sent_size, sent_type, MEMLANE_NO_DEADLINE, &error));
}

static void read_variable(void) {
    static uint64_t seen;
    memlane_reading reading;
    require(memlane_variable_wait(their_variable, seen, patience(), &seen, &error));
    require(memlane_variable_read(their_variable, came, sizeof came, &reading, &error));
    seen = reading.version;
    note(&reading);
}

/* -- shares ------------------------------------------------------------------------------------------------------ */

static memlane_share *my_share, *their_share;

static memlane_share *open_share(const char *kind, const char *side) {
    char name[32];
    memlane_share_options options;
    memlane_share *share;
    memlane_share_options_initialise(&options);
    options.size = SIZE;
    snprintf(name, sizeof name, "%s %s", kind, side);
    require(memlane_share_open(&share, name, strlen(name), &options, &error));
    return share;
}

static void open_shares(const char *mine, const char *theirs) {
    my_share = open_share("share", mine);
    their_share = open_share("share", theirs);
}

static void open_arrays(const char *mine, const char *theirs) {
    my_share = open_share("array", mine);
    their_share = open_share("array", theirs);
}

static void put(void) {
    require(memlane_share_put(my_share, sent, sent_size, sent_type, NULL, &error));
}

static void get(void) {
    memlane_reading reading;
    require(memlane_share_get(their_share, came, sizeof came, &reading, patience(), &error));
    note(&reading);
}

/* -- a map: whose turn it is, how long the bytes are, the bytes ----------------------------------------------------- */

static memlane_map *map;
static uint32_t my_turn;

static void open_map(const char *mine, const char *theirs) {
    memlane_map_options options;
    (void)theirs;
    memlane_map_options_initialise(&options);
    options.size = MAP_SIZE;
    require(memlane_map_open(&map, "map", 3, &options, &error));
    my_turn = strcmp(mine, "ask") == 0 ? 0 : 1;
}

static void write_map(void) {
    uint32_t front[2] = {1 - my_turn, (uint32_t)sent_size};
    memlane_map_lock lock;
    require(memlane_map_lock_write(map, &lock, patience(), &error));
    memcpy(memlane_map_bytes(map), front, sizeof front);
    memcpy((char *)memlane_map_bytes(map) + sizeof front, sent, sent_size);
    require(memlane_map_unlock(&lock, &error));
}

static void read_map(void) {
    uint32_t front[2] = {1 - my_turn, 0};
    uint64_t until = patience();
    while ((front[0] != my_turn || front[1] == 0) && now_ns() < until) {
        memlane_map_lock lock;
        require(memlane_map_lock_read(map, &lock, patience(), &error));
        memcpy(front, memlane_map_bytes(map), sizeof front);
        came_size = front[1] <= MAP_SIZE - sizeof front ? front[1] : 0;
        memcpy(came, (char *)memlane_map_bytes(map) + sizeof front, came_size);
        require(memlane_map_unlock(&lock, &error));
        sched_yield(); /* the other side's turn, on one processor */
    }
    came_type = 0;
}

/* -- channels: the length of some bytes, the bytes ------------------------------------------------------------------ */

static memlane_channel *outward, *homeward;

static memlane_channel *open_channel(const char *side, memlane_channel_mode mode) {
    char name[32];
    memlane_channel_options options;
    memlane_channel *channel;
    memlane_channel_options_initialise(&options);
    options.capacity = CAPACITY;
    snprintf(name, sizeof name, "channel %s", side);
    require(memlane_channel_open(&channel, name, strlen(name), mode, &options, &error));
    return channel;
}

static void open_channels(const char *mine, const char *theirs) {
    outward = open_channel(mine, MEMLANE_CHANNEL_WRITE);
    homeward = open_channel(theirs, MEMLANE_CHANNEL_READ);
}

static void write_channel(void) {
    uint32_t size = (uint32_t)sent_size;
    uint64_t written;
    require(memlane_channel_write(outward, &size, sizeof size, patience(), &written, &error));
    require(memlane_channel_write(outward, sent, sent_size, patience(), &written, &error));
}

static void read_whole(void *bytes, uint64_t size) {
    uint64_t count;
    for (uint64_t done = 0; done < size; done += count) {
        require(memlane_channel_read(homeward, (char *)bytes + done, size - done, 1, patience(), &count, &error));
    }
}

static void read_channel(void) {
    uint32_t size;
    read_whole(&size, sizeof size);
    came_size = size <= sizeof came ? size : 0;
    came_type = 0;
    read_whole(came, came_size);
}

/* -- a function that returns what it is given ------------------------------------------------------------------------ */

static memlane_function *function;
static memlane_dispatcher *dispatcher;
static memlane_task task;

static void open_function(const char *mine, const char *theirs) {
    memlane_function_options options;
    (void)theirs;
    memlane_function_options_initialise(&options);
    options.max_arguments = options.max_result = SIZE;
    require(memlane_function_open(&function, "function", 8, &options, &error));
    if (strcmp(mine, "answer") == 0) {
        require(memlane_dispatcher_make(&dispatcher, 1, &error));
        require(memlane_dispatcher_add(dispatcher, function, &error));
    }
}

/* Its argument is a tuple of one value. */
static void call_function(void) {
    memlane_call call;
    memlane_answer answer;
    require(memlane_call_begin(function, &call, patience(), &error));
    unsigned char *request = call.bytes;
    request[0] = TUPLE_OF_ONE;
    memcpy(request + 1, sent, sent_size);
    require(memlane_call_post(&call, sent_size + 1, sent_type, &error));
    require(memlane_call_wait(&call, patience(), &answer, &error));
    came_size = answer.size <= sizeof came && !answer.failed ? answer.size : 0;
    came_type = answer.type;
    memcpy(came, answer.bytes, came_size);
    memlane_call_end(&call);
}

/* Takes the tuple off the value in it; what describes its buffers stands before. */
static void unpack_request(void) {
    uint32_t head = (uint32_t)came_size, table = 0;
    if (came_type == PLAIN_BUFFERS) {
        uint32_t counts[2];
        memcpy(counts, came, sizeof counts);
        head = counts[0];
        table = (uint32_t)sizeof counts + 16 * counts[1];
        counts[0]--;
        memcpy(came, counts, sizeof counts);
    } else {
        came_size--;
    }
    memmove(came + table, came + table + 1, head - 1);
}

static void take_request(void) {
    require(memlane_dispatcher_take(dispatcher, NULL, patience(), &task, &error));
    came_size = task.size <= sizeof came ? task.size : 0;
    came_type = task.type;
    memcpy(came, task.bytes, came_size);
    unpack_request();
}

static void respond(void) {
    memcpy(task.response, sent, sent_size);
    require(memlane_task_respond(&task, sent_size, sent_type, &error));
}

static void send_to_function(void) {
    if (dispatcher != NULL) {
        respond();
    }
}

static void receive_of_function(void) {
    if (dispatcher != NULL) {
        take_request();
    } else {
        call_function();
    }
}

/* -- both sides ----------------------------------------------------------------------------------------------------- */

static const struct surface surfaces[] = {
    {"variable", open_variables, make_number, write_variable, read_variable},
    {"share", open_shares, make_number, put, get},
    {"array", open_arrays, make_array, put, get},
    {"map", open_map, make_bytes, write_map, read_map},
    {"channel", open_channels, make_bytes, write_channel, read_channel},
    {"function", open_function, make_number, send_to_function, receive_of_function},
};

static void ask(const struct surface *surface, unsigned number) {
    surface->make(number);
    surface->send();
    surface->receive();
    if (came_size != sent_size || came_type != sent_type || memcmp(sent, came, sent_size) != 0) {
        fprintf(stderr, "exchange: %s %u did not come back\n", surface->name, number);
        exit(1);
    }
}

static void answer(const struct surface *surface) {
    surface->receive();
    memcpy(sent, came, came_size);
    sent_size = came_size;
    sent_type = came_type;
    surface->send();
}

static const struct surface *find(const char *name) {
    for (size_t i = 0; i < sizeof surfaces / sizeof *surfaces; i++) {
        if (strcmp(surfaces[i].name, name) == 0) {
            return &surfaces[i];
        }
    }
    fprintf(stderr, "exchange: no surface %s\n", name);
    exit(2);
}

static void exchange(const struct surface *surface, bool asks, unsigned count) {
    uint64_t began = now_ns();
    for (unsigned number = 0; number < count; number++) {
        if (asks) {
            ask(surface, number);
        } else {
            answer(surface);
        }
    }
    printf("%.3f\n", (double)(now_ns() - began) / 1e6);
}

/* Each surface is opened when its turn comes. */
int main(int count, char **arguments) {
    if (count != 4) {
        return 2;
    }
    bool asks = strcmp(arguments[1], "ask") == 0;
    printf("libmemlane %s ready\n", memlane_version());
    fflush(stdout);
    if (asks) {
        getchar();
    }
    for (char *name = strtok(arguments[2], ","); name != NULL; name = strtok(NULL, ",")) {
        const struct surface *surface = find(name);
        surface->open(asks ? "ask" : "answer", asks ? "answer" : "ask");
        exchange(surface, asks, (unsigned)atoi(arguments[3]));
    }
    memlane_variable_free(my_variable);
    memlane_variable_free(their_variable);
    memlane_share_free(my_share);
    memlane_share_free(their_share);
    memlane_map_free(map);
    memlane_channel_free(outward);
    memlane_channel_free(homeward);
    memlane_dispatcher_free(dispatcher);
    memlane_function_free(function);
    return 0;
}
