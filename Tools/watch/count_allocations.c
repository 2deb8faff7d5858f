// Preloaded into a program, counts its allocations: malloc, calloc, realloc, aligned_alloc, posix_memalign, memalign,
// operator new and anonymous mmap, whoever calls them; what glibc itself maps for large blocks is not counted twice.
//
// At the end of the program $COUNT_FILE has a line for each second and owner: the second of the monotonic clock, the owner,
// how many, and their bytes. The owner is the file of the code that asked: what Swift's and C's own libraries allocate is
// their caller's, except for libdispatch, whose allocations hand a task from one thread to another.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

#define OWNERS 256
#define SECONDS 4096
#define PLACES 65536
#define DEPTH 32

typedef struct {
    char name[64];
    long counts[SECONDS], bytes[SECONDS];
} Owner;

static Owner *owners;
static int ownerCount;
// What was found for a return address: an owner, or that the code is a library's that allocates for others.
static struct {
    void *address;
    short owner;
} places[PLACES];
static const short PASSES = -2;

static int file = -1;
static long firstSecond;
// Of the tables.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int isInside;

static long now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec;
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("COUNT_FILE");
    if (!path) return;
    // The unwinder allocates when it is first used.
    isInside = 1;
    void *frames[2];
    backtrace(frames, 2);
    owners = mmap(NULL, OWNERS * sizeof(Owner), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    isInside = 0;
    if (owners == MAP_FAILED) return;
    firstSecond = now();
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

static int passes(const char *name) {
    static const char *libraries[] = {"libswift", "lib_Foundation", "libFoundation", "libc.so", "libstdc++", "libgcc_s"};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (!strncmp(name, libraries[i], strlen(libraries[i]))) return 1;
    return 0;
}

// The owner of the code at an address; PASSES where it allocates for its caller.
static short ownerOf(void *address) {
    size_t place = ((uintptr_t)address * 0x9e3779b97f4a7c15ull) >> 48;
    pthread_mutex_lock(&lock);
    int isKnown = places[place].address == address;
    short known = places[place].owner;
    pthread_mutex_unlock(&lock);
    if (isKnown) return known;
    // Not under the lock: the linker has one of its own, under which it allocates.
    Dl_info info = {0};
    dladdr(address, &info);
    const char *path = info.dli_fname ? info.dli_fname : "(made code)", *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    short owner = PASSES;
    pthread_mutex_lock(&lock);
    if (!passes(name)) {
        for (owner = 0; owner < ownerCount && strncmp(owners[owner].name, name, sizeof owners->name - 1); owner++) {}
        if (owner == ownerCount) {
            if (ownerCount < OWNERS - 1) ownerCount++;
            strncpy(owners[owner].name, name, sizeof owners->name - 1);
        }
    }
    places[place].address = address;
    places[place].owner = owner;
    pthread_mutex_unlock(&lock);
    return owner;
}

static void note(size_t size, void *caller) {
    if (file < 0 || isInside) return;
    isInside = 1;
    int error = errno;
    long second = now() - firstSecond;
    short owner = ownerOf(caller);
    if (owner == PASSES) {
        void *frames[DEPTH];
        int depth = backtrace(frames, DEPTH);
        // This function and the one that was called in place of the allocator come first.
        for (int i = 2; i < depth && owner == PASSES; i++) owner = ownerOf(frames[i]);
    }
    pthread_mutex_lock(&lock);
    if (owner >= 0 && second < SECONDS) {
        owners[owner].counts[second]++;
        owners[owner].bytes[second] += size;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    isInside = 0;
}

__attribute__((destructor)) static void finish(void) {
    if (file < 0) return;
    isInside = 1;
    for (int owner = 0; owner < ownerCount; owner++)
        for (long second = 0; second < SECONDS; second++)
            if (owners[owner].counts[second])
                dprintf(
                    file, "%ld %s %ld %ld\n", firstSecond + second, owners[owner].name, owners[owner].counts[second],
                    owners[owner].bytes[second]);
    close(file);
    file = -1;
}

// A program may end without its destructors.
void _exit(int status) {
    finish();
    for (;;) syscall(SYS_exit_group, status);
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

// C++'s operator new and new[]: libstdc++ would call malloc, and the way from there to who asked is a slow one, which
// shader compilers would go millions of times.
void *_Znwm(size_t size) {
    note(size, __builtin_return_address(0));
    void *made = __libc_malloc(size);
    if (!made) abort();
    return made;
}

void *_Znam(size_t size) {
    note(size, __builtin_return_address(0));
    void *made = __libc_malloc(size);
    if (!made) abort();
    return made;
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
