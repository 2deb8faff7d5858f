#include "CPerceptData.h"

static const unsigned char profile_page[] = {
#embed "profile/page.html"
};

static const unsigned char profile_style[] = {
#embed "profile/page.css"
};

static const unsigned char profile_script[] = {
#embed "profile/page.js"
    ,
#embed "profile/charts.js"
};

PerceptData percept_profile_page(void) { return (PerceptData){profile_page, sizeof profile_page}; }

PerceptData percept_profile_style(void) { return (PerceptData){profile_style, sizeof profile_style}; }

PerceptData percept_profile_script(void) { return (PerceptData){profile_script, sizeof profile_script}; }
