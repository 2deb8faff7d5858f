#version 460
#extension GL_GOOGLE_include_directive : require
// The token after the cursor's position, drawn from its logits; then the cursor stands on it.
//
//   logits [1, vocabulary] f32     settings: SamplingSettings     tokens: ring of `capacity` words that the host reads
//
// Where a logit is NaN or infinite, the host finds NOT_FINITE in the ring in the token's place.
//
// One workgroup. Temperature 0 takes the largest logit, the first of equals. Otherwise softmax(logits / temperature), of
// which top-p keeps those tokens before which the more probable ones sum to at most p, or else top-k those that fewer than
// k are more probable than (perception_models: apps/plm/generate.py). The bound of either is found by halving the range of
// logits, seen as ordered integers: nothing is sorted. A token is then found by its share of the sum in the vocabulary's
// order.

#include "storage.glsl"
#include "cursor.glsl"
#include "random.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer SamplingSettings {
    float temperature;
    float topP;         // 1 or more: all
    uint topK;          // 0: all
    uint seedLow;
    uint seedHigh;
};

layout(push_constant, std430) uniform Push {
    Floats logits;
    SamplingSettings settings;
    Cursor cursor;
    UintsOut tokens;
    uint vocabulary;
    uint capacity;
} push;

const float LEAST = -3.0e38;
const uint NOT_FINITE = 0xffffffffu;

shared float sharedSum[LANES];
shared uint sharedIndex[LANES];
shared bool sharedFinite[LANES];

float logit(uint index) {
    float value = push.logits.at[index];
    return isnan(value) ? LEAST : clamp(value, LEAST, -LEAST);
}

// Told from the bits, since compilers may take it that numbers are finite.
bool isFinite(float value) { return (floatBitsToUint(value) & 0x7f800000u) != 0x7f800000u; }

// Ordered as the number is.
uint orderedBits(float value) {
    uint bits = floatBitsToUint(value);
    return (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}

// The sum over all lanes, taken in their order, so that every lane has the same.
float sumOfLanes(float value) {
    sharedSum[gl_LocalInvocationIndex] = value;
    barrier();
    float sum = 0.0;
    for (uint i = 0u; i < LANES; i++) sum += sharedSum[i];
    barrier();
    return sum;
}

void main() {
    uint lane = gl_LocalInvocationIndex;
    float largest = LEAST;
    uint best = push.vocabulary;
    bool finite = true;
    for (uint i = lane; i < push.vocabulary; i += LANES) {
        float value = logit(i);
        finite = finite && isFinite(push.logits.at[i]);
        if (value > largest || best == push.vocabulary) {
            largest = value;
            best = i;
        }
    }
    sharedSum[lane] = largest;
    sharedIndex[lane] = best;
    sharedFinite[lane] = finite;
    barrier();
    for (uint i = 0u; i < LANES; i++) {
        finite = finite && sharedFinite[i];
        if (sharedSum[i] > largest || (sharedSum[i] == largest && sharedIndex[i] < best)) {
            largest = sharedSum[i];
            best = sharedIndex[i];
        }
    }
    barrier();

    uint token = best;
    float temperature = push.settings.temperature;
    if (temperature > 0.0) {
        float inverse = 1.0 / temperature;
        float sum = 0.0;
        for (uint i = lane; i < push.vocabulary; i += LANES) sum += exp((logit(i) - largest) * inverse);
        float total = sumOfLanes(sum);

        bool byMass = push.settings.topP < 1.0;
        bool byCount = !byMass && push.settings.topK > 0u && push.settings.topK < push.vocabulary;
        uint bound = 0u;
        if (byMass || byCount) {
            float allowed = byMass ? push.settings.topP * total : float(push.settings.topK) - 0.5;
            uint low = 0u;
            uint high = orderedBits(largest);
            // The least bound above which no more than `allowed` lies.
            while (low < high) {
                uint middle = low + (high - low) / 2u;
                float above = 0.0;
                for (uint i = lane; i < push.vocabulary; i += LANES) {
                    float value = logit(i);
                    if (orderedBits(value) > middle) above += byMass ? exp((value - largest) * inverse) : 1.0;
                }
                if (sumOfLanes(above) <= allowed) high = middle;
                else low = middle + 1u;
            }
            bound = low;
        }

        // Each lane has a run of the vocabulary, so that shares follow its order.
        uint run = (push.vocabulary + LANES - 1u) / LANES;
        uint begin = min(lane * run, push.vocabulary);
        uint end = min(begin + run, push.vocabulary);
        float share = 0.0;
        for (uint i = begin; i < end; i++) {
            float value = logit(i);
            if (orderedBits(value) >= bound) share += exp((value - largest) * inverse);
        }
        sharedSum[lane] = share;
        sharedIndex[lane] = push.vocabulary;
        barrier();
        float kept = 0.0;
        for (uint i = 0u; i < LANES; i++) kept += sharedSum[i];
        uvec2 seed = uvec2(push.settings.seedLow, push.settings.seedHigh);
        float target = uniformNumber(seed, push.cursor.first) * kept;
        float before = 0.0;
        for (uint i = 0u; i < lane; i++) before += sharedSum[i];
        if (target >= before && target < before + share) {
            float reached = before;
            uint last = push.vocabulary;
            for (uint i = begin; i < end; i++) {
                float value = logit(i);
                if (orderedBits(value) < bound) continue;
                last = i;
                reached += exp((value - largest) * inverse);
                if (reached > target) break;
            }
            sharedIndex[lane] = last;
        }
        barrier();
        // Rounding may leave a target between two lanes' shares: then the most probable token stands.
        for (uint i = 0u; i < LANES; i++) {
            if (sharedIndex[i] < push.vocabulary) {
                token = sharedIndex[i];
                break;
            }
        }
    }
    if (lane == 0u) {
        push.tokens.at[push.cursor.step % push.capacity] = finite ? token : NOT_FINITE;
        push.cursor.token = token;
        push.cursor.first += 1u;
        push.cursor.step += 1u;
    }
}
