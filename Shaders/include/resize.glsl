// One pixel of either pass of Pillow's resize. 8-bit images are resampled in integers: 22 fractional bits, rounded and
// clamped after each pass. Needs pixel_header.glsl.

// The taps at word `entry` of the header (first source index, number of taps, taps), over pixels `step` words apart.
uvec4 resample(PixelHeader header, Uints source, uint entry, uint base, uint step) {
    entry -= FIXED_WORDS;
    uint at = base + uint(header.rest[entry]) * step;
    uint taps = uint(header.rest[entry + 1u]);
    ivec4 sum = ivec4(1 << 21);
    for (uint tap = 0u; tap < taps; tap++) {
        sum += header.rest[entry + 2u + tap] * unpackPixel(source.at[at + tap * step]);
    }
    return uvec4(clamp(sum >> 22, ivec4(0), ivec4(255)));
}

// Pixel x of the result, from row y of a source of that width.
uvec4 resampleRow(PixelHeader header, Uints source, uint x, uint y, uint sourceWidth) {
    return resample(header, source, header.horizontalTable + x * (header.horizontalTaps + 2u), y * sourceWidth, 1u);
}

// Pixel y of the result, from column x of a source of that width.
uvec4 resampleColumn(PixelHeader header, Uints source, uint x, uint y, uint sourceWidth) {
    return resample(header, source, header.verticalTable + y * (header.verticalTaps + 2u), x, sourceWidth);
}
