// A decoder's keys and values: of each position a row (places.glsl), keys of all heads first, then as many values. Needs format.glsl.
//
// `octets` are those of a row; `octet` counts from the first head on.

Octet loadKey(Words cache, uint row, uint octet, uint octets, uint type) {
    return loadRowOctet(cache, row, octet, octets, type);
}

Octet loadValue(Words cache, uint row, uint octet, uint octets, uint type) {
    return loadRowOctet(cache, row, octets / 2u + octet, octets, type);
}
