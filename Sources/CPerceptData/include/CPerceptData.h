#pragma once
#include <stddef.h>

/// A file that is part of the binary; it lives as long as the process.
typedef struct {
    const unsigned char *_Nonnull bytes;
    size_t count;
} PerceptData;

/// Merges of the CLIP vocabulary, one "left right" per line, in rank order. UTF-8.
PerceptData percept_clip_merges(void);

/// HTML5 named character references, one "name codepoint [codepoint]" per line, code points in hexadecimal. ASCII.
PerceptData percept_html_entities(void);
