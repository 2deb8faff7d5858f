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

/// The page that shows a profile: HTML, in which `@STYLE@` and `@SCRIPT@` stand for the other two, and `@PROFILE@` for the
/// profile's JSON. UTF-8.
PerceptData percept_profile_page(void);
PerceptData percept_profile_style(void);
PerceptData percept_profile_script(void);

/// The demo model, a small PE-Core that `Tools/demo-models` trains on synthetic scenes: safetensors, f16, official names.
PerceptData percept_demo_model(void);

/// Its configuration: a JSON object with the sections `vision` and `text`, fields as in the reference's.
PerceptData percept_demo_config(void);

/// The demo captioner, a small Perception Language Model that `Tools/demo-models` trains on synthetic scenes and clips:
/// safetensors, f16, names of transformers.
PerceptData percept_captioner_model(void);

/// What lies beside it in transformers' layout: `config.json`, `processor_config.json`, `preprocessor_config.json`,
/// `video_preprocessor_config.json`, `tokenizer.json`.
PerceptData percept_captioner_config(void);
PerceptData percept_captioner_processor(void);
PerceptData percept_captioner_preprocessor(void);
PerceptData percept_captioner_video_preprocessor(void);
PerceptData percept_captioner_tokenizer(void);
