// SHA-1 and SHA-256 of FFmpeg's libavutil, which pictures need anyway.
#pragma once

#include <libavutil/mem.h>
#include <libavutil/sha.h>
