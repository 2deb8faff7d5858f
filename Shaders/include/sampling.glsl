// The next token of a row, drawn from its logits by one workgroup: kept where the next step finds it, and where the host reads
// it. `Graph.sample` has the Swift side.
//
// Temperature 0 takes the largest logit, the first of equals. Otherwise softmax(logits / temperature), of which top-p keeps
// those tokens before which the more probable ones sum to at most p, or else top-k those that fewer than k are more probable
// than (perception_models: apps/plm/generate.py). The bound of either is found by halving the range of logits, seen as ordered
// integers: nothing is sorted. A token is then found by its share of the sum in the vocabulary's order.
//
// Where a logit is NaN or infinite, the host finds NOT_FINITE in the token's place.
//
// Needs storage.glsl, places.glsl and random.glsl, and LANES; the file that includes this defines `storedLogit`. With AHEAD,
// for GPUs, a lane loads several logits at a time: one workgroup waits for memory at each turn of its loops.

struct SamplingSettings {
    float temperature;
    float topP;         // 1 or more: all
    uint topK;          // 0: all
    uint seedLow;
    uint seedHigh;
    uint unused[3];
};

// Of each row.
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer AllSettings {
    SamplingSettings at[];
};

float storedLogit(uint index);

const float LEAST = -3.0e38;
const uint NOT_FINITE = 0xffffffffu;

// The largest of some logits, the first of equals, and whether all of them are finite.
struct Best {
    float value;
    uint index;
    bool finite;
};

const Best NO_BEST = Best(LEAST, 0x7f000000u, true);

shared float sharedSum[LANES];
shared uint sharedIndex[LANES];
shared bool sharedFinite[LANES];

float heldLogit(float value) { return isnan(value) ? LEAST : clamp(value, LEAST, -LEAST); }
float logit(uint index) { return heldLogit(storedLogit(index)); }

// Told from the bits, since compilers may take it that numbers are finite.
bool isFinite(float value) { return (floatBitsToUint(value) & 0x7f800000u) != 0x7f800000u; }

// Ordered as the number is.
uint orderedBits(float value) {
    uint bits = floatBitsToUint(value);
    return (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}

// The better of two sets of logits, in whatever order they come.
Best better(Best a, Best b) {
    bool takes = b.value > a.value || (b.value == a.value && b.index < a.index);
    return Best(takes ? b.value : a.value, takes ? b.index : a.index, a.finite && b.finite);
}

Best bestWith(Best best, uint index, float stored) {
    return better(best, Best(heldLogit(stored), index, isFinite(stored)));
}

// A lane's or a subgroup's, for the others.
void keepBest(uint place, Best best) {
    sharedSum[place] = best.value;
    sharedIndex[place] = best.index;
    sharedFinite[place] = best.finite;
}
Best keptBest(uint place) { return Best(sharedSum[place], sharedIndex[place], sharedFinite[place]); }

// Of all lanes.
Best bestOfLanes(Best own) {
    keepBest(gl_LocalInvocationIndex, own);
    barrier();
    Best best = own;
    for (uint i = 0u; i < LANES; i++) best = better(best, keptBest(i));
    barrier();
    return best;
}

#ifdef AHEAD
const uint SHARED_AT_ONCE = LANES % 8u == 0u ? 8u : 1u;
#endif

// The sum over all lanes, taken in their order, so that every lane has the same.
float sumOfLanes(float value) {
    sharedSum[gl_LocalInvocationIndex] = value;
    barrier();
    float sum = 0.0;
#ifdef AHEAD
    for (uint i = 0u; i < LANES; i += SHARED_AT_ONCE) {
        [[unroll]] for (uint k = 0u; k < SHARED_AT_ONCE; k++) sum += sharedSum[i + k];
    }
#else
    for (uint i = 0u; i < LANES; i++) sum += sharedSum[i];
#endif
    barrier();
    return sum;
}

#ifdef AHEAD
// Of logits begin, begin + stride, ... before `end` those whose ordered bits are at least `least`: their exponentials' sum, or
// their number.
float sumAhead(uint begin, uint end, uint stride, uint least, float largest, float inverse, bool byMass) {
    float sum = 0.0;
    for (uint i = begin; i < end; i += 8u * stride) {
        float values[8];
        [[unroll]] for (uint k = 0u; k < 8u; k++) values[k] = storedLogit(min(i + k * stride, end - 1u));
        [[unroll]] for (uint k = 0u; k < 8u; k++) {
            float value = heldLogit(values[k]);
            bool counts = i + k * stride < end && orderedBits(value) >= least;
            sum += !counts ? 0.0 : byMass ? exp((value - largest) * inverse) : 1.0;
        }
    }
    return sum;
}
#endif

// `best` of the whole vocabulary, the same in all lanes; `tokens` by slot, `drawn` where the host reads.
void drawToken(Best best, SamplingSettings settings, Place place, UintsOut tokens, UintsOut drawn, uint vocabulary) {
    uint lane = gl_LocalInvocationIndex;
    float largest = best.value;
    uint token = best.index;
    float temperature = settings.temperature;
    if (temperature > 0.0) {
        float inverse = 1.0 / temperature;
#ifdef AHEAD
        float sum = sumAhead(lane, vocabulary, LANES, 0u, largest, inverse, true);
#else
        float sum = 0.0;
        for (uint i = lane; i < vocabulary; i += LANES) sum += exp((logit(i) - largest) * inverse);
#endif
        float total = sumOfLanes(sum);

        bool byMass = settings.topP < 1.0;
        bool byCount = !byMass && settings.topK > 0u && settings.topK < vocabulary;
        uint bound = 0u;
        if (byMass || byCount) {
            float allowed = byMass ? settings.topP * total : float(settings.topK) - 0.5;
            uint low = 0u;
            uint high = orderedBits(largest);
            // The least bound above which no more than `allowed` lies.
            while (low < high) {
                uint middle = low + (high - low) / 2u;
#ifdef AHEAD
                float above = sumAhead(lane, vocabulary, LANES, middle + 1u, largest, inverse, byMass);
#else
                float above = 0.0;
                for (uint i = lane; i < vocabulary; i += LANES) {
                    float value = logit(i);
                    if (orderedBits(value) > middle) above += byMass ? exp((value - largest) * inverse) : 1.0;
                }
#endif
                if (sumOfLanes(above) <= allowed) high = middle;
                else low = middle + 1u;
            }
            bound = low;
        }

        // Each lane has a run of the vocabulary, so that shares follow its order.
        uint run = (vocabulary + LANES - 1u) / LANES;
        uint begin = min(lane * run, vocabulary);
        uint end = min(begin + run, vocabulary);
#ifdef AHEAD
        float share = sumAhead(begin, end, 1u, bound, largest, inverse, true);
#else
        float share = 0.0;
        for (uint i = begin; i < end; i++) {
            float value = logit(i);
            if (orderedBits(value) >= bound) share += exp((value - largest) * inverse);
        }
#endif
        sharedSum[lane] = share;
        sharedIndex[lane] = vocabulary;
        barrier();
        float kept = 0.0;
        for (uint i = 0u; i < LANES; i++) kept += sharedSum[i];
        uvec2 seed = uvec2(settings.seedLow, settings.seedHigh);
        float target = uniformNumber(seed, place.position) * kept;
        float before = 0.0;
        for (uint i = 0u; i < lane; i++) before += sharedSum[i];
        if (target >= before && target < before + share) {
            float reached = before;
            uint last = vocabulary;
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
            if (sharedIndex[i] < vocabulary) {
                token = sharedIndex[i];
                break;
            }
        }
    }
    if (lane == 0u) {
        drawn.at[place.drawn] = best.finite ? token : NOT_FINITE;
        tokens.at[place.slot] = token;
    }
}
