#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "fs.h"
#include "say.h"
#include "text.h"

/*
 * A closed standard stream would hand its number to the first file opened here, and messages
 * would then be written into the cache.
 */
static void open_standard_streams(void)
{
    for (int number = 0; number <= 2; number++)
        if (fcntl(number, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0)
            _exit(EXIT_CACHE_UNUSABLE);
}

/* The environment belongs to one user and the rights to another: nothing here is written for that. */
static void refuse_borrowed_rights(void)
{
    if (getuid() != geteuid() || getgid() != getegid())
        fail(EXIT_CACHE_UNUSABLE, "Starting: the executable is set-user-id or set-group-id, and so could be made to run "
             "another user's files; remove that with chmod ug-s.", NULL);
}

static mode_t mask_before;

void sys_prepare(void)
{
    open_standard_streams();
    refuse_borrowed_rights();
    mask_before = umask(077);
}

void sys_restore(void)
{
    umask(mask_before);
}

char **sys_arguments(char **argv)
{
    return argv;
}

static char *resolved(const char *path)
{
    char *real = path ? realpath(path, NULL) : NULL;
    if (!real)
        fail(EXIT_PAYLOAD_DAMAGED, "Finding the path of this executable: ", path ? fs_error() : "the system does not tell",
             "; start it by its full path.", NULL);
    return real;
}

#ifdef __APPLE__

char *sys_self_path(void)
{
    uint32_t size = 0;
    _NSGetExecutablePath(NULL, &size);
    char *path = malloc(size);
    if (!path)
        fail_no_memory();
    return resolved(_NSGetExecutablePath(path, &size) == 0 ? path : NULL);
}

#else

/* Without /proc (a bare chroot) the kernel still passes the path it was given. */
char *sys_self_path(void)
{
    for (size_t size = 256; size <= 1 << 20; size *= 2) {
        char *path = malloc(size);
        if (!path)
            fail_no_memory();
        ssize_t length = readlink("/proc/self/exe", path, size);
        if (length < 0)
            break;
        if ((size_t)length < size) {
            path[length] = 0;
            return path;
        }
        free(path);
    }
    return resolved((const char *)getauxval(AT_EXECFN));
}

#endif

const char *sys_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

uint64_t sys_process_id(void)
{
    return (uint64_t)getpid();
}

uint64_t sys_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sys_sleep_ms(unsigned milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* A reader that has left is no reason to end, nor to leave a stage behind. */
void sys_write_stderr(const char *text, size_t length)
{
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    fs_write(2, text, length);
    signal(SIGPIPE, before);
}

int sys_stderr_is_terminal(void)
{
    return isatty(2);
}
