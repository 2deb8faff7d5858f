// Random numbers by a hash of what they are for, so that a sequence does not depend on how it was cut into runs: `pcg3d`
// (Jarzynski & Olano 2020, "Hash Functions for GPU Rendering").

uvec3 pcg3d(uvec3 v) {
    v = v * 1664525u + 1013904223u;
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v ^= v >> 16u;
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    return v;
}

// 24 bits in [0, 1).
float uniformNumber(uvec2 seed, uint counter) { return float(pcg3d(uvec3(seed, counter)).x >> 8) * 5.9604644775390625e-8; }
