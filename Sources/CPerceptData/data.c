#include "CPerceptData.h"

static const unsigned char clip_merges[] = {
#embed "Data/clip_merges.txt"
};

static const unsigned char html_entities[] = {
#embed "Data/html_entities.txt"
};

PerceptData percept_clip_merges(void) { return (PerceptData){clip_merges, sizeof clip_merges}; }

PerceptData percept_html_entities(void) { return (PerceptData){html_entities, sizeof html_entities}; }
