// A Vulkan layer that loses devices. PERCEPT_LOST_AT is a list of numbers, "20,5": the first device is lost at the 20th
// submission in a row between which nothing was recorded, as in a stream that runs, the next one at the fifth, and those
// behind the list stay. A lost device answers VK_ERROR_DEVICE_LOST from then on.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define EXPORT __attribute__((visibility("default")))
#define MOST 16

// A device's calls, found by what its dispatchable handles begin with.
typedef struct {
    void *key;
    int lost;
    PFN_vkGetDeviceProcAddr next;
    PFN_vkDestroyDevice destroy;
    PFN_vkQueueSubmit2 submit;
    PFN_vkWaitSemaphores wait;
    PFN_vkGetSemaphoreCounterValue counter;
    PFN_vkDeviceWaitIdle idle;
    PFN_vkBeginCommandBuffer begin;
} Device;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Device devices[MOST];
static long submissions, losses;
static PFN_vkGetInstanceProcAddr nextInstance;

static Device *find(void *handle) {
    for (int i = 0; i < MOST; i++)
        if (devices[i].key == *(void **)handle) return &devices[i];
    abort();
}

// Whether this submission is one that is to fail.
static int isDue(void) {
    const char *number = getenv("PERCEPT_LOST_AT");
    for (long skipped = 0; number && skipped < losses; skipped++) {
        number = strchr(number, ',');
        if (number) number++;
    }
    submissions++;
    if (!number || atol(number) != submissions) return 0;
    losses++;
    return 1;
}

static VkResult begin(VkCommandBuffer commands, const VkCommandBufferBeginInfo *info) {
    pthread_mutex_lock(&lock);
    submissions = 0;
    Device *device = find(commands);
    pthread_mutex_unlock(&lock);
    return device->begin(commands, info);
}

static VkResult submit(VkQueue queue, uint32_t count, const VkSubmitInfo2 *infos, VkFence fence) {
    pthread_mutex_lock(&lock);
    Device *device = find(queue);
    if (isDue()) device->lost = 1;
    int lost = device->lost;
    pthread_mutex_unlock(&lock);
    return lost ? VK_ERROR_DEVICE_LOST : device->submit(queue, count, infos, fence);
}

static VkResult waitFor(VkDevice handle, const VkSemaphoreWaitInfo *info, uint64_t timeout) {
    Device *device = find(handle);
    return device->lost ? VK_ERROR_DEVICE_LOST : device->wait(handle, info, timeout);
}

static VkResult counter(VkDevice handle, VkSemaphore semaphore, uint64_t *value) {
    Device *device = find(handle);
    return device->lost ? VK_ERROR_DEVICE_LOST : device->counter(handle, semaphore, value);
}

static VkResult idle(VkDevice handle) {
    Device *device = find(handle);
    // What was submitted before must end before its memory goes.
    VkResult result = device->idle(handle);
    return device->lost ? VK_ERROR_DEVICE_LOST : result;
}

static void destroy(VkDevice handle, const VkAllocationCallbacks *allocator) {
    if (!handle) return;
    pthread_mutex_lock(&lock);
    Device *device = find(handle);
    PFN_vkDestroyDevice next = device->destroy;
    device->key = NULL;
    pthread_mutex_unlock(&lock);
    next(handle, allocator);
}

static VkResult createInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator, VkInstance *made) {
    VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
        link = (VkLayerInstanceCreateInfo *)link->pNext;
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    nextInstance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    return ((PFN_vkCreateInstance)nextInstance(NULL, "vkCreateInstance"))(info, allocator, made);
}

static VkResult createDevice(
    VkPhysicalDevice physical, const VkDeviceCreateInfo *info, const VkAllocationCallbacks *allocator, VkDevice *made) {
    VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
        link = (VkLayerDeviceCreateInfo *)link->pNext;
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    PFN_vkGetInstanceProcAddr instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    PFN_vkGetDeviceProcAddr next = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result = ((PFN_vkCreateDevice)instance(NULL, "vkCreateDevice"))(physical, info, allocator, made);
    if (result != VK_SUCCESS) return result;
    Device device = {
        .key = *(void **)*made,
        .next = next,
        .destroy = (PFN_vkDestroyDevice)next(*made, "vkDestroyDevice"),
        .submit = (PFN_vkQueueSubmit2)next(*made, "vkQueueSubmit2"),
        .wait = (PFN_vkWaitSemaphores)next(*made, "vkWaitSemaphores"),
        .counter = (PFN_vkGetSemaphoreCounterValue)next(*made, "vkGetSemaphoreCounterValue"),
        .idle = (PFN_vkDeviceWaitIdle)next(*made, "vkDeviceWaitIdle"),
        .begin = (PFN_vkBeginCommandBuffer)next(*made, "vkBeginCommandBuffer"),
    };
    pthread_mutex_lock(&lock);
    int i = 0;
    while (i < MOST - 1 && devices[i].key) i++;
    devices[i] = device;
    pthread_mutex_unlock(&lock);
    return VK_SUCCESS;
}

static PFN_vkVoidFunction own(const char *name) {
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } calls[] = {
        {"vkCreateInstance", (PFN_vkVoidFunction)createInstance},
        {"vkCreateDevice", (PFN_vkVoidFunction)createDevice},
        {"vkDestroyDevice", (PFN_vkVoidFunction)destroy},
        {"vkQueueSubmit2", (PFN_vkVoidFunction)submit},
        {"vkWaitSemaphores", (PFN_vkVoidFunction)waitFor},
        {"vkGetSemaphoreCounterValue", (PFN_vkVoidFunction)counter},
        {"vkDeviceWaitIdle", (PFN_vkVoidFunction)idle},
        {"vkBeginCommandBuffer", (PFN_vkVoidFunction)begin},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (!strcmp(name, calls[i].name)) return calls[i].function;
    return NULL;
}

static PFN_vkVoidFunction deviceProc(VkDevice device, const char *name) {
    PFN_vkVoidFunction found = own(name);
    if (found) return found;
    return find(device)->next(device, name);
}

static PFN_vkVoidFunction instanceProc(VkInstance instance, const char *name) {
    if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)deviceProc;
    if (!strcmp(name, "vkGetInstanceProcAddr")) return (PFN_vkVoidFunction)instanceProc;
    PFN_vkVoidFunction found = own(name);
    return found ? found : nextInstance(instance, name);
}

EXPORT VkResult vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface) {
    interface->loaderLayerInterfaceVersion = 2;
    interface->pfnGetInstanceProcAddr = instanceProc;
    interface->pfnGetDeviceProcAddr = deviceProc;
    interface->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
