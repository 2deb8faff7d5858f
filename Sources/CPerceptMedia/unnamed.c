#define _GNU_SOURCE
#include "percept_unnamed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int percept_unnamed_memory(void) {
#ifdef __linux__
    return memfd_create("percept", MFD_CLOEXEC);
#else
    return -1;
#endif
}

int percept_unnamed_file(const char *folder) {
#ifdef O_TMPFILE
    int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0) return descriptor;
#endif
    // Not every file system makes files without a name.
    char path[4096];
    if (snprintf(path, sizeof path, "%s/percept-XXXXXX", folder) >= (int)sizeof path) return -1;
    int named = mkstemp(path);
    if (named < 0) return -1;
    unlink(path);
    fcntl(named, F_SETFD, FD_CLOEXEC);
    return named;
}
