// Cameras through V4L2 (linux/videodev2.h), whose ioctl numbers and unions Swift cannot import. Functions give a negative
// errno when they fail; elsewhere than on Linux all of them give -ENOSYS.
#pragma once

#include <stdint.h>

typedef struct {
    char name[32];
    char driver[16];
    char bus[32];
    /// Whether it streams pictures into memory of ours.
    int captures;
} percept_camera_identity;

/// Discrete sizes have equal least and largest ones.
typedef struct {
    uint32_t least_width, least_height, largest_width, largest_height, step_width, step_height;
} percept_camera_sizes;

/// Frames a second as fractions; a discrete rate has equal ones.
typedef struct {
    uint32_t least_numerator, least_denominator, largest_numerator, largest_denominator;
} percept_camera_rates;

/// Most pieces of memory that a picture lies in.
enum { percept_camera_most_planes = 4 };

/// What is asked for, and then what the driver made of it.
typedef struct {
    uint32_t pixel_format, width, height;
    /// Seconds from frame to frame; 0 / 0 leaves the driver's.
    uint32_t interval_numerator, interval_denominator;
    /// Pieces of memory that a picture lies in: one, unless the device has a piece for each plane.
    uint32_t planes;
    /// Bytes from row to row of the first plane of each piece.
    uint32_t row_bytes[percept_camera_most_planes];
    /// 1: samples are of full range, 0: limited.
    int full_range;
    /// Whether the driver says so, or leaves it to what is usual.
    int states_range;
    /// 709, 2020 or 601.
    int matrix;
} percept_camera_mode;

typedef struct {
    uint32_t index;
    uint32_t planes;
    const uint8_t *bytes[percept_camera_most_planes];
    uint32_t size[percept_camera_most_planes];
    /// Microseconds of the monotonic clock, or of whatever clock the driver has.
    int64_t time;
    uint32_t sequence;
    /// Whether the driver says that the picture is damaged.
    int is_damaged;
} percept_camera_picture;

/// An open device with its buffers.
typedef struct percept_camera percept_camera;

int percept_camera_open(const char *path, percept_camera **camera);
void percept_camera_close(percept_camera *camera);
int percept_camera_descriptor(const percept_camera *camera);

int percept_camera_identify(percept_camera *camera, percept_camera_identity *identity);
/// The pixel format, size or rate of an index; -EINVAL behind the last.
int percept_camera_format(const percept_camera *camera, uint32_t index, uint32_t *pixel_format);
int percept_camera_size(
    const percept_camera *camera, uint32_t pixel_format, uint32_t index, percept_camera_sizes *sizes);
int percept_camera_rate(
    const percept_camera *camera, uint32_t pixel_format, uint32_t width, uint32_t height, uint32_t index,
    percept_camera_rates *rates);

int percept_camera_configure(const percept_camera *camera, percept_camera_mode *mode);
/// Maps about `count` buffers and starts to fill them.
int percept_camera_start(percept_camera *camera, uint32_t count);
/// Takes a filled buffer; -EAGAIN when there is none.
int percept_camera_take(percept_camera *camera, percept_camera_picture *picture);
/// Gives a buffer back to be filled.
int percept_camera_give_back(percept_camera *camera, uint32_t index);
