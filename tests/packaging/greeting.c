/* greeting NAME [TEXT]: writes the text to a variable, or prints what is there. A complete peer in C. */
#include <memlane/memlane.h>

#include <stdio.h>
#include <string.h>

enum { CAPACITY = 64, BYTES = 1 /* any mark: both sides of this test agree on it */ };

static memlane_status exchange(memlane_variable *variable, const char *text, memlane_error *error) {
    memlane_reading reading;
    char found[CAPACITY + 1] = "";
    if (text != NULL) {
        return memlane_variable_write(variable, text, strlen(text), BYTES, MEMLANE_NO_DEADLINE, error);
    }
    memlane_status status = memlane_variable_read(variable, found, CAPACITY, &reading, error);
    if (status == MEMLANE_OK) {
        printf("%s\n", found);
    }
    return status;
}

int main(int count, char **arguments) {
    memlane_variable_options options;
    memlane_variable *variable;
    memlane_error error;

    if (count < 2) {
        fprintf(stderr, "usage: greeting NAME [TEXT]\n");
        return 2;
    }
    memlane_variable_options_initialise(&options);
    options.max_size = CAPACITY;
    memlane_status status = memlane_variable_open(&variable, arguments[1], strlen(arguments[1]), &options, &error);
    if (status == MEMLANE_OK) {
        status = exchange(variable, count > 2 ? arguments[2] : NULL, &error);
        memlane_variable_free(variable);
    }
    if (status != MEMLANE_OK) {
        fprintf(stderr, "greeting: %s\n", error.message);
        return 1;
    }
    return 0;
}
