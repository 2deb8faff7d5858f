#define _GNU_SOURCE
#include "CPerceptVulkan.h"
#include <link.h>
#include <pthread.h>

void percept_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

struct visit {
    void (*body)(const char *name, void *context);
    void *context;
};

static int visit(struct dl_phdr_info *library, size_t size, void *context) {
    (void)size;
    struct visit *visit = context;
    visit->body(library->dlpi_name, visit->context);
    return 0;
}

void percept_each_library(void (*body)(const char *name, void *context), void *context) {
    struct visit with = {body, context};
    dl_iterate_phdr(visit, &with);
}
