#include "CPerceptData.h"

// Tensors want an even address: f16 is read in place.
_Alignas(64) static const unsigned char captioner_model[] = {
#embed "captioner/model.safetensors"
};

static const unsigned char captioner_config[] = {
#embed "captioner/config.json"
};

static const unsigned char captioner_processor[] = {
#embed "captioner/processor_config.json"
};

static const unsigned char captioner_preprocessor[] = {
#embed "captioner/preprocessor_config.json"
};

static const unsigned char captioner_video_preprocessor[] = {
#embed "captioner/video_preprocessor_config.json"
};

static const unsigned char captioner_tokenizer[] = {
#embed "captioner/tokenizer.json"
};

PerceptData percept_captioner_model(void) { return (PerceptData){captioner_model, sizeof captioner_model}; }

PerceptData percept_captioner_config(void) { return (PerceptData){captioner_config, sizeof captioner_config}; }

PerceptData percept_captioner_processor(void) {
    return (PerceptData){captioner_processor, sizeof captioner_processor};
}

PerceptData percept_captioner_preprocessor(void) {
    return (PerceptData){captioner_preprocessor, sizeof captioner_preprocessor};
}

PerceptData percept_captioner_video_preprocessor(void) {
    return (PerceptData){captioner_video_preprocessor, sizeof captioner_video_preprocessor};
}

PerceptData percept_captioner_tokenizer(void) {
    return (PerceptData){captioner_tokenizer, sizeof captioner_tokenizer};
}
