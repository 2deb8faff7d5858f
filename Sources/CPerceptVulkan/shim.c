#include "CPerceptVulkan.h"
