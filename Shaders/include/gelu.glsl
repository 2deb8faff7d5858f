// Exact GELU: x/2 * (1 + erf(x / sqrt 2)).
//
// erf is x * P(x^2) / Q(x^2) on [-4, 4] and constant beyond, where f32 cannot tell it from 1. The coefficients are a
// least-squares fit of erf(x) / x, reweighted towards the smallest largest relative error: 4e-7 in f32.

vec4 erf4(vec4 x) {
    x = clamp(x, vec4(-4.0), vec4(4.0));
    vec4 z = x * x;
    vec4 p = vec4(-1.3202318349669895e-08);
    p = fma(p, z, vec4(4.68479538540123e-06));
    p = fma(p, z, vec4(0.00037960949703119695));
    p = fma(p, z, vec4(0.0038496111519634724));
    p = fma(p, z, vec4(0.054316919296979904));
    p = fma(p, z, vec4(0.18520314991474152));
    p = fma(p, z, vec4(1.128379225730896));
    vec4 q = vec4(6.311074685072526e-05);
    q = fma(q, z, vec4(0.0013075706083327532));
    q = fma(q, z, vec4(0.015462091192603111));
    q = fma(q, z, vec4(0.11395840346813202));
    q = fma(q, z, vec4(0.49746543169021606));
    q = fma(q, z, vec4(1.0));
    return x * p / q;
}

vec4 gelu(vec4 x) { return 0.5 * x * (1.0 + erf4(x * 0.70710678118654752)); }
