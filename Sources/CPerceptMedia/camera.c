#include "percept_camera.h"

#include <errno.h>

#ifdef __linux__

#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { most_buffers = 16 };

struct percept_camera {
    int descriptor;
    // V4L2_BUF_TYPE_VIDEO_CAPTURE, or V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE for devices whose buffers have a piece of memory
    // for each plane.
    uint32_t type;
    uint32_t count;
    struct {
        uint32_t planes;
        void *bytes[percept_camera_most_planes];
        size_t size[percept_camera_most_planes];
    } buffers[most_buffers];
};

static int control(const percept_camera *camera, unsigned long request, void *argument) {
    int result;
    do result = ioctl(camera->descriptor, request, argument);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int percept_camera_open(const char *path, percept_camera **camera) {
    // Without waiting: taking a buffer then tells that none is filled.
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return -errno;
    *camera = calloc(1, sizeof **camera);
    if (!*camera) {
        close(descriptor);
        return -ENOMEM;
    }
    (*camera)->descriptor = descriptor;
    (*camera)->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    return 0;
}

void percept_camera_close(percept_camera *camera) {
    int type = camera->type;
    if (camera->count) control(camera, VIDIOC_STREAMOFF, &type);
    for (uint32_t i = 0; i < camera->count; i++)
        for (uint32_t j = 0; j < camera->buffers[i].planes; j++)
            munmap(camera->buffers[i].bytes[j], camera->buffers[i].size[j]);
    close(camera->descriptor);
    free(camera);
}

int percept_camera_descriptor(const percept_camera *camera) { return camera->descriptor; }

int percept_camera_identify(percept_camera *camera, percept_camera_identity *identity) {
    struct v4l2_capability found = {0};
    int result = control(camera, VIDIOC_QUERYCAP, &found);
    if (result < 0) return result;
    memset(identity, 0, sizeof *identity);
    strncpy(identity->name, (const char *)found.card, sizeof identity->name - 1);
    strncpy(identity->driver, (const char *)found.driver, sizeof identity->driver - 1);
    strncpy(identity->bus, (const char *)found.bus_info, sizeof identity->bus - 1);
    // A device with several nodes tells of each what it is for.
    uint32_t abilities = found.capabilities & V4L2_CAP_DEVICE_CAPS ? found.device_caps : found.capabilities;
    uint32_t captures = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE;
    identity->captures = (abilities & captures) && (abilities & V4L2_CAP_STREAMING);
    if (!(abilities & V4L2_CAP_VIDEO_CAPTURE)) camera->type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    return 0;
}

int percept_camera_format(const percept_camera *camera, uint32_t index, uint32_t *pixel_format) {
    struct v4l2_fmtdesc found = {.index = index, .type = camera->type};
    int result = control(camera, VIDIOC_ENUM_FMT, &found);
    *pixel_format = found.pixelformat;
    return result;
}

int percept_camera_size(
    const percept_camera *camera, uint32_t pixel_format, uint32_t index, percept_camera_sizes *sizes) {
    struct v4l2_frmsizeenum found = {.index = index, .pixel_format = pixel_format};
    int result = control(camera, VIDIOC_ENUM_FRAMESIZES, &found);
    if (result < 0) return result;
    if (found.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
        *sizes = (percept_camera_sizes){
            found.discrete.width, found.discrete.height, found.discrete.width, found.discrete.height, 0, 0};
        return 0;
    }
    // A range is the only entry.
    if (index > 0) return -EINVAL;
    *sizes = (percept_camera_sizes){
        found.stepwise.min_width, found.stepwise.min_height, found.stepwise.max_width, found.stepwise.max_height,
        found.stepwise.step_width, found.stepwise.step_height};
    return 0;
}

int percept_camera_rate(
    const percept_camera *camera, uint32_t pixel_format, uint32_t width, uint32_t height, uint32_t index,
    percept_camera_rates *rates) {
    struct v4l2_frmivalenum found = {
        .index = index, .pixel_format = pixel_format, .width = width, .height = height};
    int result = control(camera, VIDIOC_ENUM_FRAMEINTERVALS, &found);
    if (result < 0) return result;
    if (found.type != V4L2_FRMIVAL_TYPE_DISCRETE && index > 0) return -EINVAL;
    int is_discrete = found.type == V4L2_FRMIVAL_TYPE_DISCRETE;
    struct v4l2_fract longest = is_discrete ? found.discrete : found.stepwise.max;
    struct v4l2_fract shortest = is_discrete ? found.discrete : found.stepwise.min;
    *rates = (percept_camera_rates){
        longest.denominator, longest.numerator, shortest.denominator, shortest.numerator};
    return 0;
}

// Colours as videodev2.h maps defaults: those of the colour space, whose own default is that of sRGB (the macros there
// are for kernel and programs alike).
static void describe_colours(uint32_t space, uint32_t encoding, uint32_t range, percept_camera_mode *mode) {
    if (space == V4L2_COLORSPACE_DEFAULT) space = V4L2_COLORSPACE_SRGB;
    if (encoding == V4L2_YCBCR_ENC_DEFAULT) encoding = V4L2_MAP_YCBCR_ENC_DEFAULT(space);
    mode->states_range = range != V4L2_QUANTIZATION_DEFAULT;
    if (!mode->states_range) range = V4L2_MAP_QUANTIZATION_DEFAULT(0, space, encoding);
    mode->full_range = range == V4L2_QUANTIZATION_FULL_RANGE;
    switch (encoding) {
    case V4L2_YCBCR_ENC_709:
    case V4L2_YCBCR_ENC_XV709: mode->matrix = 709; break;
    case V4L2_YCBCR_ENC_BT2020:
    case V4L2_YCBCR_ENC_BT2020_CONST_LUM: mode->matrix = 2020; break;
    default: mode->matrix = 601;
    }
}

// Sets pixel format and size, and tells what became of them.
static int set_format(const percept_camera *camera, percept_camera_mode *mode) {
    struct v4l2_format format = {.type = camera->type};
    int result;
    if (camera->type == V4L2_BUF_TYPE_VIDEO_CAPTURE) {
        struct v4l2_pix_format *picture = &format.fmt.pix;
        picture->width = mode->width, picture->height = mode->height;
        picture->pixelformat = mode->pixel_format;
        picture->field = V4L2_FIELD_NONE;
        if ((result = control(camera, VIDIOC_S_FMT, &format)) < 0) return result;
        mode->width = picture->width, mode->height = picture->height;
        mode->pixel_format = picture->pixelformat;
        mode->planes = 1;
        mode->row_bytes[0] = picture->bytesperline;
        describe_colours(picture->colorspace, picture->ycbcr_enc, picture->quantization, mode);
        return 0;
    }
    struct v4l2_pix_format_mplane *picture = &format.fmt.pix_mp;
    picture->width = mode->width, picture->height = mode->height;
    picture->pixelformat = mode->pixel_format;
    picture->field = V4L2_FIELD_NONE;
    if ((result = control(camera, VIDIOC_S_FMT, &format)) < 0) return result;
    if (picture->num_planes < 1 || picture->num_planes > percept_camera_most_planes) return -EPROTO;
    mode->width = picture->width, mode->height = picture->height;
    mode->pixel_format = picture->pixelformat;
    mode->planes = picture->num_planes;
    for (uint32_t i = 0; i < mode->planes; i++) mode->row_bytes[i] = picture->plane_fmt[i].bytesperline;
    describe_colours(picture->colorspace, picture->ycbcr_enc, picture->quantization, mode);
    return 0;
}

int percept_camera_configure(const percept_camera *camera, percept_camera_mode *mode) {
    int result = set_format(camera, mode);
    if (result < 0) return result;
    struct v4l2_streamparm rate = {.type = camera->type};
    // Drivers need not know rates.
    if (control(camera, VIDIOC_G_PARM, &rate) == 0) {
        if (mode->interval_denominator && rate.parm.capture.capability & V4L2_CAP_TIMEPERFRAME) {
            rate.parm.capture.timeperframe = (struct v4l2_fract){mode->interval_numerator, mode->interval_denominator};
            result = control(camera, VIDIOC_S_PARM, &rate);
            if (result < 0) return result;
        }
        mode->interval_numerator = rate.parm.capture.timeperframe.numerator;
        mode->interval_denominator = rate.parm.capture.timeperframe.denominator;
    }
    return 0;
}

// A buffer as the calls about buffers want it; `planes` has room for most_planes entries.
static struct v4l2_buffer described(const percept_camera *camera, uint32_t index, struct v4l2_plane *planes) {
    struct v4l2_buffer buffer = {.index = index, .type = camera->type, .memory = V4L2_MEMORY_MMAP};
    if (camera->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) {
        buffer.m.planes = planes;
        buffer.length = percept_camera_most_planes;
    }
    return buffer;
}

static int map_buffer(percept_camera *camera, uint32_t index) {
    struct v4l2_plane planes[percept_camera_most_planes] = {0};
    struct v4l2_buffer buffer = described(camera, index, planes);
    int result = control(camera, VIDIOC_QUERYBUF, &buffer);
    if (result < 0) return result;
    int has_planes = camera->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    uint32_t count = has_planes ? buffer.length : 1;
    if (count < 1 || count > percept_camera_most_planes) return -EPROTO;
    camera->count = index + 1;
    for (uint32_t i = 0; i < count; i++) {
        size_t size = has_planes ? planes[i].length : buffer.length;
        uint32_t offset = has_planes ? planes[i].m.mem_offset : buffer.m.offset;
        void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, camera->descriptor, offset);
        if (bytes == MAP_FAILED) return -errno;
        camera->buffers[index].bytes[i] = bytes;
        camera->buffers[index].size[i] = size;
        camera->buffers[index].planes = i + 1;
    }
    return percept_camera_give_back(camera, index);
}

int percept_camera_start(percept_camera *camera, uint32_t count) {
    struct v4l2_requestbuffers request = {
        .count = count < most_buffers ? count : most_buffers, .type = camera->type, .memory = V4L2_MEMORY_MMAP};
    int result = control(camera, VIDIOC_REQBUFS, &request);
    if (result < 0) return result;
    if (request.count < 2) return -ENOMEM;
    uint32_t given = request.count < most_buffers ? request.count : most_buffers;
    for (uint32_t i = 0; i < given; i++)
        if ((result = map_buffer(camera, i)) < 0) return result;
    int type = camera->type;
    return control(camera, VIDIOC_STREAMON, &type);
}

int percept_camera_take(percept_camera *camera, percept_camera_picture *picture) {
    struct v4l2_plane planes[percept_camera_most_planes] = {0};
    struct v4l2_buffer buffer = described(camera, 0, planes);
    int result = control(camera, VIDIOC_DQBUF, &buffer);
    if (result < 0) return result;
    if (buffer.index >= camera->count) return -EPROTO;
    *picture = (percept_camera_picture){
        .index = buffer.index, .planes = camera->buffers[buffer.index].planes,
        .time = (int64_t)buffer.timestamp.tv_sec * 1000000 + buffer.timestamp.tv_usec, .sequence = buffer.sequence,
        .is_damaged = (buffer.flags & V4L2_BUF_FLAG_ERROR) != 0};
    for (uint32_t i = 0; i < picture->planes; i++) {
        uint32_t start = 0, end = buffer.bytesused;
        if (camera->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) start = planes[i].data_offset, end = planes[i].bytesused;
        if (start > end || end > camera->buffers[buffer.index].size[i]) return -EPROTO;
        picture->bytes[i] = (const uint8_t *)camera->buffers[buffer.index].bytes[i] + start;
        picture->size[i] = end - start;
    }
    return 0;
}

int percept_camera_give_back(percept_camera *camera, uint32_t index) {
    struct v4l2_plane planes[percept_camera_most_planes] = {0};
    struct v4l2_buffer buffer = described(camera, index, planes);
    if (camera->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) {
        buffer.length = camera->buffers[index].planes;
        for (uint32_t i = 0; i < buffer.length; i++) planes[i].length = camera->buffers[index].size[i];
    }
    return control(camera, VIDIOC_QBUF, &buffer);
}

#else

int percept_camera_open(const char *path, percept_camera **camera) { return -ENOSYS; }
void percept_camera_close(percept_camera *camera) {}
int percept_camera_descriptor(const percept_camera *camera) { return -1; }
int percept_camera_identify(percept_camera *camera, percept_camera_identity *identity) { return -ENOSYS; }
int percept_camera_format(const percept_camera *camera, uint32_t index, uint32_t *pixel_format) { return -ENOSYS; }
int percept_camera_size(
    const percept_camera *camera, uint32_t pixel_format, uint32_t index, percept_camera_sizes *sizes) {
    return -ENOSYS;
}
int percept_camera_rate(
    const percept_camera *camera, uint32_t pixel_format, uint32_t width, uint32_t height, uint32_t index,
    percept_camera_rates *rates) {
    return -ENOSYS;
}
int percept_camera_configure(const percept_camera *camera, percept_camera_mode *mode) { return -ENOSYS; }
int percept_camera_start(percept_camera *camera, uint32_t count) { return -ENOSYS; }
int percept_camera_take(percept_camera *camera, percept_camera_picture *picture) { return -ENOSYS; }
int percept_camera_give_back(percept_camera *camera, uint32_t index) { return -ENOSYS; }

#endif
