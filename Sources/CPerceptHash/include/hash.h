// SHA-1 and SHA-256 of FFmpeg's libavutil, which pictures need anyway, and SHA-256 by the instructions that most
// processors of the last years have for it.
#pragma once

#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether this processor has the instructions.
bool percept_sha256_is_fast(void);

// Takes `count` blocks of 64 bytes into the eight words of a state (FIPS 180-4, section 6.2.2). Only where it is fast.
void percept_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);
