/* The C twin of channel_sender.py: cc channel_sender.c $(pkg-config --cflags --libs memlane) */
#include <memlane/memlane.h>

#include <stdio.h>

int main(void) {
    memlane_channel_options options;
    memlane_channel *channel;
    memlane_error error;
    memlane_status status;

    memlane_channel_options_initialise(&options);
    options.capacity = 1024;
    status = memlane_channel_open(&channel, "example", 7, MEMLANE_CHANNEL_WRITE, &options, &error);
    if (status != MEMLANE_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    for (int number = 0; number < 1000 && status == MEMLANE_OK; number++) {
        char line[32];
        uint64_t written;
        int size = snprintf(line, sizeof line, "line %d\n", number);
        status = memlane_channel_write(channel, line, (uint64_t)size, MEMLANE_NO_DEADLINE, &written, &error);
    }
    if (status != MEMLANE_OK) {
        fprintf(stderr, "%s\n", error.message);
    }
    memlane_channel_free(channel);
    return status != MEMLANE_OK;
}
