// Shows ThreadSanitizer what Swift's `Mutex` does where threads wait for each other.
//
// On Linux the mutex is a futex (Swift: stdlib/public/Synchronization/Mutex/LinuxImpl.swift). Taking a free one is inlined
// into instrumented code, but waiting and waking are functions of a library that is not instrumented: the sanitizer does not
// see that one thread's unlocking comes before another's locking, and reports races that are none. This library is loaded
// before that one; it takes the place of the functions, says what they do, and calls them.
//
// Nothing of the program changes, and a race beside a mutex is found as before.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// In the sanitizer's runtime, which programs without it lack.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *mutex

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (function) return function;
    static const char message[] = "mutex.c: this Swift runtime has another mutex\n";
    if (write(2, message, sizeof message - 1)) abort();
    abort();
}

// _MutexHandle._lockSlow(_: UInt32)
SWIFT void lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
SWIFT void lock_slow(uint32_t thread, SELF) {
    ((SWIFT void (*)(uint32_t, SELF))next(LOCK_SLOW))(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

// _MutexHandle._tryLockSlow() -> Bool
SWIFT _Bool try_lock_slow(SELF) __asm__(TRY_LOCK_SLOW);
SWIFT _Bool try_lock_slow(SELF) {
    _Bool is_locked = ((SWIFT _Bool (*)(SELF))next(TRY_LOCK_SLOW))(mutex);
    if (is_locked && __tsan_acquire) __tsan_acquire(mutex);
    return is_locked;
}

// _MutexHandle._unlockSlow()
SWIFT void unlock_slow(SELF) __asm__(UNLOCK_SLOW);
SWIFT void unlock_slow(SELF) {
    if (__tsan_release) __tsan_release(mutex);
    ((SWIFT void (*)(SELF))next(UNLOCK_SLOW))(mutex);
}
