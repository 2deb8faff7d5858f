// A decoder's keys and values: of each position a row, keys of all heads first, then as many values. Needs format.glsl.
//
// `octets` are those of a row; `octet` counts from the first head on.

Octet loadKey(Words cache, uint position, uint octet, uint octets, uint type) {
    return loadRowOctet(cache, position, octet, octets, type);
}

Octet loadValue(Words cache, uint position, uint octet, uint octets, uint type) {
    return loadRowOctet(cache, position, octets / 2u + octet, octets, type);
}
