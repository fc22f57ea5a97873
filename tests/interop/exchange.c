/* One side of an exchange, as compat/exchange.py: a C program that knows of Python's encoding one number. */
#include <memlane/memlane.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 65536, PLAIN = 1, PICKLE_PROTOCOL = 2, FIRST_NUMBER = 256, NUMBERS = 60000 };

static unsigned char bytes[SIZE + MEMLANE_SHARE_HEADROOM];
static memlane_reading reading;
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

static memlane_variable *open_variable(const char *name) {
    memlane_variable_options options;
    memlane_variable *variable;
    memlane_variable_options_initialise(&options);
    options.max_size = SIZE;
    options.encoding = PICKLE_PROTOCOL;
    require(memlane_variable_open(&variable, name, strlen(name), &options, &error));
    return variable;
}

static memlane_share *open_share(const char *name) {
    memlane_share_options options;
    memlane_share *share;
    memlane_share_options_initialise(&options);
    options.size = SIZE;
    require(memlane_share_open(&share, name, strlen(name), &options, &error));
    return share;
}

/* The ends of both surfaces; those of the other one are NULL. */
static memlane_variable *mine, *theirs;
static memlane_share *my_share, *their_share;

static void send_bytes(uint64_t size, uint32_t type) {
    require(mine != NULL ? memlane_variable_write(mine, bytes, size, type, MEMLANE_NO_DEADLINE, &error)
                         : memlane_share_put(my_share, bytes, size, type, NULL, &error));
}

static void receive(void) {
    static uint64_t seen;
    if (theirs == NULL) {
        require(memlane_share_get(their_share, bytes, sizeof bytes, &reading, patience(), &error));
        return;
    }
    require(memlane_variable_wait(theirs, seen, patience(), &seen, &error));
    require(memlane_variable_read(theirs, bytes, sizeof bytes, &reading, &error));
    seen = reading.version;
}

/* The plain codec's integers of two bytes. */
static void ask(unsigned number) {
    number = FIRST_NUMBER + number % NUMBERS;
    unsigned char sent[3] = {0xed, (unsigned char)(number & 0xff), (unsigned char)(number >> 8)};
    memcpy(bytes, sent, sizeof sent);
    send_bytes(sizeof sent, PLAIN);
    receive();
    if (reading.size != sizeof sent || reading.type != PLAIN || memcmp(bytes, sent, sizeof sent) != 0) {
        fprintf(stderr, "exchange: %u did not come back\n", number);
        exit(1);
    }
}

int main(int count, char **arguments) {
    if (count != 4) {
        return 2;
    }
    bool asks = strcmp(arguments[1], "ask") == 0;
    const char *first = asks ? "ask" : "answer", *second = asks ? "answer" : "ask";
    if (strcmp(arguments[2], "variable") == 0) {
        mine = open_variable(first);
        theirs = open_variable(second);
    } else {
        my_share = open_share(first);
        their_share = open_share(second);
    }
    printf("libmemlane %s ready\n", memlane_version());
    fflush(stdout);
    if (asks) {
        getchar();
    }
    uint64_t began = now_ns();
    for (unsigned number = 0; number < (unsigned)atoi(arguments[3]); number++) {
        if (asks) {
            ask(number);
        } else {
            receive();
            send_bytes(reading.size, reading.type);
        }
    }
    printf("%.3f\n", (double)(now_ns() - began) / 1e6);
    memlane_variable_free(mine);
    memlane_variable_free(theirs);
    memlane_share_free(my_share);
    memlane_share_free(their_share);
    return 0;
}
