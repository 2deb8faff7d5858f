#define _GNU_SOURCE
#include "CPerceptVulkan.h"
#include <pthread.h>

void percept_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }
