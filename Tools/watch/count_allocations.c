// Preloaded into a program, writes a line for each allocation of at least $COUNT_BYTES to $COUNT_FILE: seconds of the
// monotonic clock, bytes, and the file of the code that asked for it. malloc, calloc, realloc that grows, aligned_alloc, posix_memalign, memalign and anonymous
// mmap are seen, whoever calls them; glibc's own calls of mmap for large blocks are not counted a second time.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

static size_t threshold = (size_t)-1;
static int file = -1;

__attribute__((constructor)) static void start(void) {
    const char *bytes = getenv("COUNT_BYTES"), *path = getenv("COUNT_FILE");
    if (!bytes || !path) return;
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    threshold = strtoul(bytes, NULL, 10);
}

static void note(size_t size, void *caller) {
    if (size < threshold || file < 0) return;
    int error = errno;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    Dl_info info = {0};
    dladdr(caller, &info);
    const char *path = info.dli_fname ? info.dli_fname : "?", *name = strrchr(path, '/');
    char line[256];
    int length = snprintf(
        line, sizeof line, "%ld.%09ld %zu %s\n", (long)now.tv_sec, now.tv_nsec, size, name ? name + 1 : path);
    if (length >= (int)sizeof line) length = sizeof line - 1;
    if (write(file, line, length) != length) file = -1;
    errno = error;
}

void *malloc(size_t size) {
    note(size, __builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note(count && size > (size_t)-1 / count ? (size_t)-1 : count * size, __builtin_return_address(0));
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    note(size, __builtin_return_address(0));
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    note(size, __builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(size, __builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    note(size, __builtin_return_address(0));
    void *made = __libc_memalign(alignment, size);
    if (!made) return ENOMEM;
    *block = made;
    return 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    static void *(*next)(void *, size_t, int, int, int, off_t);
    if (!next) next = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
    if (flags & MAP_ANONYMOUS) note(length, __builtin_return_address(0));
    return next(address, length, protection, flags, descriptor, offset);
}
