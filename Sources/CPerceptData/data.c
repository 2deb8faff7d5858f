#include "CPerceptData.h"
