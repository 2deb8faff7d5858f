// Answers as NVIDIA's management library does for one board, at 0000:03:00.0, which takes 250 W. $NVML_WITHOUT_ENERGY makes
// it one of the boards that count no energy.
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, NOT_SUPPORTED = 3, NOT_FOUND = 6 };
static int isInitialised;
static int board;

int nvmlInit_v2(void) {
    isInitialised = 1;
    return SUCCESS;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *address, void **device) {
    if (!isInitialised) return UNINITIALIZED;
    if (strcmp(address, "0000:03:00.0")) return NOT_FOUND;
    *device = &board;
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
    if (device != &board) return NOT_FOUND;
    *milliwatts = 250000;
    return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    if (device != &board) return NOT_FOUND;
    if (getenv("NVML_WITHOUT_ENERGY")) return NOT_SUPPORTED;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *millijoules = now.tv_sec * 250000ull + now.tv_nsec / 4000;
    return SUCCESS;
}
