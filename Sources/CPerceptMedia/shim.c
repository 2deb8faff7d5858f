#include "CPerceptMedia.h"
