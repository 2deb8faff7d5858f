// The last of several workgroups to come to a place goes on with what all of them made: a reduction without a dispatch and a
// barrier of its own. Nobody waits for another workgroup, so nothing is asked of how a device schedules them.
//
// What is handed over is written and read through coherent references. A counter is zero before a dispatch, and again
// behind it. Needs storage.glsl; the file that includes this defines `void park(uint place, float value)` and
// `float parked(uint place)`, shared memory that is free, of one place at least.

// Whether this workgroup is the last of `expected` at counter `place`; then all its threads see what the others wrote before
// they arrived. All threads call it.
bool arrivesLast(Arrivals arrivals, uint place, uint expected) {
    memoryBarrierBuffer();
    barrier();
    if (gl_LocalInvocationIndex == 0u) {
        bool isLast = atomicAdd(arrivals.count[place], 1u) + 1u == expected;
        if (isLast) arrivals.count[place] = 0u;
        park(0u, isLast ? 1.0 : 0.0);
        memoryBarrierBuffer();
    }
    barrier();
    memoryBarrierBuffer();
    return parked(0u) != 0.0;
}
