#include "CPerceptData.h"

// Tensors want an even address: f16 is read in place.
_Alignas(64) static const unsigned char demo_model[] = {
#embed "demo/demo.safetensors"
};

static const unsigned char demo_config[] = {
#embed "demo/demo.json"
};

PerceptData percept_demo_model(void) { return (PerceptData){demo_model, sizeof demo_model}; }

PerceptData percept_demo_config(void) { return (PerceptData){demo_config, sizeof demo_config}; }
