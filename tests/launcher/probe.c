/*
 * What the tests put into a runtime image as bin/lmfile: tells how it was started, one fact a line.
 *
 *     --exit N   ends with status N
 *     --hold     tells all of that and then waits for the end of stdin
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void tell_files(void)
{
    for (int number = 0; number < 64; number++) {
        char link[64], target[4096];
        if (fcntl(number, F_GETFD) < 0)
            continue;
        snprintf(link, sizeof link, "/proc/self/fd/%d", number);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = 0;
        printf("file %d %s\n", number, target);
    }
}

static void tell_signals(void)
{
    for (int number = 1; number < 32; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            printf("ignored %d\n", number);
    }
}

int main(int argc, char **argv)
{
    char byte;
    printf("pid %d\n", (int)getpid());
    for (int i = 0; i < argc; i++)
        printf("argument %s\n", argv[i]);
    for (char **variable = environ; *variable; variable++)
        printf("variable %s\n", *variable);
    tell_files();
    tell_signals();
    mode_t mask = umask(0);
    printf("mask %03o\n", (unsigned)mask);
    fflush(stdout);
    if (argc > 2 && strcmp(argv[1], "--exit") == 0)
        return atoi(argv[2]);
    if (argc > 1 && strcmp(argv[1], "--hold") == 0)
        while (read(0, &byte, 1) > 0 || errno == EINTR)
            ;
    return 0;
}
