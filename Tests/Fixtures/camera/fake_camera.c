// Cameras that are not there: a library to preload (LD_PRELOAD) that answers for /dev/videoN what a V4L2 driver would.
// Tests/TestSupport/FakeCamera.swift compiles it and writes the file that the variable PERCEPT_FAKE_CAMERA names:
//
//   device PATH NAME                   what follows is about this one; in NAME, _ stands for a space
//   mode FOURCC WIDTH HEIGHT RATE FILE pictures in FILE, each behind four bytes with its size, over and over
//   colours SPACE ENCODING RANGE       numbers of linux/videodev2.h; 0 0 0 unless given
//   pieces                             it has the multi-planar interface alone: a piece of memory for each plane where the
//                                      format (NM12, YM12 and so on) says so
//   padding BYTES                      behind each row of the first plane, and in proportion behind those of others
//   fail CALL ERRNO AFTER COUNT        `open`, `format`, `buffers`, `start` or `take` works AFTER times, fails COUNT
//                                      times, and works from then on
//
// The descriptor is a timer's, so that waiting for it is left to the system: it can be read when a picture is due.
// Pictures that nobody took in time are lost, as with a driver whose buffers are full.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { most_devices = 4, most_modes = 24, most_buffers = 8, most_pieces = 3, calls = 5 };
static const char *const call_names[calls] = {"open", "format", "buffers", "start", "take"};
enum { call_open, call_format, call_buffers, call_start, call_take };

struct mode {
    uint32_t fourcc, width, height, rate;
    uint8_t *file;
    size_t size;
};

struct device {
    char path[64], name[32];
    struct mode modes[most_modes];
    int mode_count;
    uint32_t colour_space, encoding, range, padding;
    int has_pieces;
    struct {
        int number, after, count;
    } failures[calls];
    int made[calls];

    int descriptor; // -1 while closed
    int mode, rate;
    void *buffers[most_buffers][most_pieces];
    uint32_t buffer_count, piece_count, piece_size[most_pieces], sequence;
    int is_queued[most_buffers];
    size_t offset; // of the next picture
};

static struct device devices[most_devices];
static int device_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void die(const char *what) {
    fprintf(stderr, "fake_camera: %s\n", what);
    abort();
}

static void read_pictures(struct mode *mode, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    fseek(file, 0, SEEK_END);
    mode->size = ftell(file);
    rewind(file);
    mode->file = malloc(mode->size);
    if (!mode->file || fread(mode->file, 1, mode->size, file) != mode->size) die(path);
    fclose(file);
}

static void set_up(void) {
    const char *path = getenv("PERCEPT_FAKE_CAMERA");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) die("PERCEPT_FAKE_CAMERA names no file");
    char line[512];
    while (fgets(line, sizeof line, file)) {
        char word[16], text[256];
        struct device *device = device_count ? &devices[device_count - 1] : NULL;
        uint32_t a, b, c;
        if (sscanf(line, "%15s", word) != 1) continue;
        if (!strcmp(word, "device")) {
            if (device_count == most_devices) die("too many devices");
            device = &devices[device_count++];
            device->descriptor = -1;
            if (sscanf(line, "%*s %63s %31s", device->path, device->name) != 2) die(line);
            for (char *c = device->name; *c; c++)
                if (*c == '_') *c = ' ';
        } else if (!device) {
            die("a line before the first device");
        } else if (!strcmp(word, "mode")) {
            struct mode *mode = &device->modes[device->mode_count++];
            if (device->mode_count > most_modes) die("too many modes");
            char code[8];
            if (sscanf(line, "%*s %7s %u %u %u %255s", code, &mode->width, &mode->height, &mode->rate, text) != 5)
                die(line);
            mode->fourcc = v4l2_fourcc(code[0], code[1], code[2], code[3] == '_' ? ' ' : code[3]);
            read_pictures(mode, text);
        } else if (!strcmp(word, "pieces")) {
            device->has_pieces = 1;
        } else if (!strcmp(word, "padding")) {
            if (sscanf(line, "%*s %u", &device->padding) != 1) die(line);
        } else if (!strcmp(word, "colours")) {
            if (sscanf(line, "%*s %u %u %u", &device->colour_space, &device->encoding, &device->range) != 3) die(line);
        } else if (!strcmp(word, "fail")) {
            int i = 0;
            if (sscanf(line, "%*s %255s %u %u %u", text, &a, &b, &c) != 4) die(line);
            while (i < calls && strcmp(text, call_names[i])) i++;
            if (i == calls) die(line);
            device->failures[i].number = a, device->failures[i].after = b, device->failures[i].count = c;
        } else {
            die(line);
        }
    }
    fclose(file);
}

// The errno of a call that is to fail now, or 0.
static int failure(struct device *device, int call) {
    int made = device->made[call]++, after = device->failures[call].after;
    return made >= after && made < after + device->failures[call].count ? device->failures[call].number : 0;
}

static struct device *find(int descriptor) {
    for (int i = 0; i < device_count; i++)
        if (descriptor >= 0 && devices[i].descriptor == descriptor) return &devices[i];
    return NULL;
}

static void release(struct device *device) {
    device->descriptor = -1;
    device->buffer_count = 0;
}

static int fail(int number) {
    errno = number;
    return -1;
}

// A file that is no camera's is left to the system: -2.
static int open_device(const char *path) {
    if (strncmp(path, "/dev/video", 10)) return -2;
    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    int result = -2, number = ENOENT;
    for (int i = 0; i < device_count; i++) {
        struct device *device = &devices[i];
        if (strcmp(path, device->path)) continue;
        number = failure(device, call_open);
        if (number) break;
        device->descriptor = result = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        device->rate = device->modes[0].rate;
        device->mode = 0;
        device->sequence = 0;
        break;
    }
    pthread_mutex_unlock(&lock);
    return result == -2 ? fail(number) : result;
}

int open(const char *path, int flags, ...) {
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    int device = open_device(path);
    return device == -2 ? next(path, flags, mode) : device;
}

int open64(const char *path, int flags, ...) {
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    int device = open_device(path);
    return device == -2 ? next(path, flags, mode) : device;
}

int close(int descriptor) {
    int (*next)(int) = dlsym(RTLD_NEXT, "close");
    pthread_mutex_lock(&lock);
    struct device *device = find(descriptor);
    if (device) release(device);
    pthread_mutex_unlock(&lock);
    return next(descriptor);
}

static void *map(void *address, size_t size, int protection, int flags, int descriptor, off_t offset, int *is_ours) {
    pthread_mutex_lock(&lock);
    struct device *device = find(descriptor);
    void *result = MAP_FAILED;
    if (device) {
        *is_ours = 1;
        size_t index = (size_t)offset >> 24, piece = (size_t)offset >> 20 & 15;
        if (index < device->buffer_count && piece < device->piece_count && size == device->piece_size[piece]) {
            // Not through mmap, whose stand-in is this function's caller.
            void *(*next)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
            result = next(address, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            device->buffers[index][piece] = result;
        } else {
            errno = EINVAL;
        }
    }
    pthread_mutex_unlock(&lock);
    (void)flags;
    return result;
}

void *mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset) {
    int is_ours = 0;
    void *result = descriptor >= 0 ? map(address, size, protection, flags, descriptor, offset, &is_ours) : NULL;
    void *(*next)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
    return is_ours ? result : next(address, size, protection, flags, descriptor, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int descriptor, off64_t offset) {
    return mmap(address, size, protection, flags, descriptor, offset);
}

// Pixel formats, sizes or rates without repetition: the mode that is the index-th to differ.
static struct mode *enumerate(struct device *device, uint32_t index, int depth, uint32_t fourcc, uint32_t w, uint32_t h) {
    for (int i = 0; i < device->mode_count; i++) {
        struct mode *mode = &device->modes[i];
        if ((depth > 0 && mode->fourcc != fourcc) || (depth > 1 && (mode->width != w || mode->height != h))) continue;
        int is_new = 1;
        for (int j = 0; j < i; j++) {
            struct mode *other = &device->modes[j];
            int same_size = other->width == mode->width && other->height == mode->height;
            if (other->fourcc == mode->fourcc
                && (depth == 0 || (same_size && (depth == 1 || other->rate == mode->rate))))
                is_new = 0;
        }
        if (is_new && index-- == 0) return mode;
    }
    return NULL;
}

// Planes of a format: bytes in a row of the first, and of others by how much they are narrower and lower. 0 planes for
// compressed pictures.
static int planes_of(const struct mode *mode, uint32_t row[most_pieces], uint32_t rows[most_pieces], int *in_pieces) {
    uint32_t w = mode->width, h = mode->height;
    *in_pieces = 0;
    for (int i = 0; i < most_pieces; i++) row[i] = w, rows[i] = h;
    switch (mode->fourcc) {
    case V4L2_PIX_FMT_NV12M:
    case V4L2_PIX_FMT_NV21M: *in_pieces = 1; // fall through
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_NV21: return rows[1] = h / 2, 2;
    case V4L2_PIX_FMT_NV16: return 2;
    case V4L2_PIX_FMT_YUV420M:
    case V4L2_PIX_FMT_YVU420M: *in_pieces = 1; // fall through
    case V4L2_PIX_FMT_YUV420:
    case V4L2_PIX_FMT_YVU420: return row[1] = row[2] = w / 2, rows[1] = rows[2] = h / 2, 3;
    case V4L2_PIX_FMT_YUV422P: return row[1] = row[2] = w / 2, 3;
    case V4L2_PIX_FMT_YUYV:
    case V4L2_PIX_FMT_UYVY:
    case V4L2_PIX_FMT_YVYU:
    case V4L2_PIX_FMT_VYUY:
    case V4L2_PIX_FMT_Y16: return row[0] = 2 * w, 1;
    case V4L2_PIX_FMT_RGB24:
    case V4L2_PIX_FMT_BGR24: return row[0] = 3 * w, 1;
    case V4L2_PIX_FMT_XBGR32:
    case V4L2_PIX_FMT_RGBX32:
    case V4L2_PIX_FMT_RGB32: return row[0] = 4 * w, 1;
    case V4L2_PIX_FMT_GREY: return 1;
    default: return 0;
    }
}

// Bytes from row to row of a plane.
static uint32_t stride_of(const struct device *device, const uint32_t row[most_pieces], int plane) {
    return row[plane] + (row[plane] < row[0] ? device->padding / 2 : device->padding);
}

static int set_format(struct device *device, struct v4l2_format *format) {
    struct v4l2_pix_format *one = &format->fmt.pix;
    struct v4l2_pix_format_mplane *several = &format->fmt.pix_mp;
    uint32_t fourcc = device->has_pieces ? several->pixelformat : one->pixelformat;
    uint32_t width = device->has_pieces ? several->width : one->width;
    uint32_t height = device->has_pieces ? several->height : one->height;
    int chosen = 0;
    for (int i = device->mode_count - 1; i >= 0; i--) {
        struct mode *mode = &device->modes[i];
        if (mode->fourcc == fourcc
            && (device->modes[chosen].fourcc != mode->fourcc || (mode->width == width && mode->height == height)))
            chosen = i;
    }
    struct mode *mode = &device->modes[chosen];
    device->mode = chosen;
    device->rate = mode->rate;
    uint32_t row[most_pieces], rows[most_pieces], size[most_pieces] = {0};
    int in_pieces, planes = planes_of(mode, row, rows, &in_pieces);
    device->piece_count = in_pieces ? planes : 1;
    for (int i = 0; i < planes; i++) size[in_pieces ? i : 0] += stride_of(device, row, i) * rows[i];
    if (!planes) size[0] = 2 * mode->width * mode->height + 4096;
    for (uint32_t i = 0; i < device->piece_count; i++) device->piece_size[i] = (size[i] + 4095) / 4096 * 4096;
    uint32_t stride = planes ? stride_of(device, row, 0) : 0;
    if (device->has_pieces) {
        several->width = mode->width, several->height = mode->height, several->pixelformat = mode->fourcc;
        several->field = V4L2_FIELD_NONE;
        several->num_planes = device->piece_count;
        for (uint32_t i = 0; i < device->piece_count; i++) {
            several->plane_fmt[i].bytesperline = in_pieces ? stride_of(device, row, i) : stride;
            several->plane_fmt[i].sizeimage = size[i];
        }
        several->colorspace = device->colour_space;
        several->ycbcr_enc = device->encoding;
        several->quantization = device->range;
    } else {
        one->width = mode->width, one->height = mode->height, one->pixelformat = mode->fourcc;
        one->field = V4L2_FIELD_NONE;
        one->bytesperline = stride, one->sizeimage = size[0];
        one->colorspace = device->colour_space;
        one->ycbcr_enc = device->encoding;
        one->quantization = device->range;
    }
    return 0;
}

// Spreads a picture without gaps over a buffer's pieces, with the padding of rows; what it makes long is left out.
static void lay(struct device *device, int index, const uint8_t *bytes, uint32_t size, uint32_t used[most_pieces]) {
    struct mode *mode = &device->modes[device->mode];
    uint32_t row[most_pieces], rows[most_pieces];
    int in_pieces, planes = planes_of(mode, row, rows, &in_pieces);
    if (!planes) {
        used[0] = size < device->piece_size[0] ? size : device->piece_size[0];
        memcpy(device->buffers[index][0], bytes, used[0]);
        return;
    }
    for (int i = 0; i < planes; i++) {
        int piece = in_pieces ? i : 0;
        uint32_t stride = stride_of(device, row, i);
        for (uint32_t y = 0; y < rows[i]; y++) {
            uint32_t count = size < row[i] ? size : row[i];
            uint8_t *target = (uint8_t *)device->buffers[index][piece] + used[piece];
            memcpy(target, bytes, count);
            if (count == row[i]) memset(target + count, 0xAA, stride - count);
            bytes += count, size -= count;
            used[piece] += count == row[i] ? stride : count;
            if (!size) break;
        }
    }
}

static int take(struct device *device, struct v4l2_buffer *buffer) {
    uint64_t due = 0;
    if (read(device->descriptor, &due, sizeof due) != sizeof due || due == 0) return fail(EAGAIN);
    int number = failure(device, call_take);
    if (number) return fail(number);
    struct mode *mode = &device->modes[device->mode];
    device->sequence += due;
    for (uint32_t i = 0; i < device->buffer_count; i++) {
        if (!device->is_queued[i]) continue;
        uint32_t size, used[most_pieces] = {0};
        if (device->offset + 4 > mode->size) device->offset = 0;
        memcpy(&size, mode->file + device->offset, 4);
        if (device->offset + 4 + size > mode->size) die("a picture that goes beyond its file");
        lay(device, i, mode->file + device->offset + 4, size, used);
        if (device->has_pieces)
            for (uint32_t j = 0; j < device->piece_count; j++) buffer->m.planes[j].bytesused = used[j];
        else
            buffer->bytesused = used[0];
        device->offset += 4 + size;
        device->is_queued[i] = 0;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        buffer->index = i;
        buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        buffer->timestamp.tv_sec = now.tv_sec;
        buffer->timestamp.tv_usec = now.tv_nsec / 1000;
        buffer->sequence = device->sequence - 1;
        return 0;
    }
    return fail(EAGAIN);
}

static uint32_t type_of(const struct device *device) {
    return device->has_pieces ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

static int answer(struct device *device, unsigned long request, void *argument) {
    struct mode *mode;
    int number = 0;
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *found = argument;
        memset(found, 0, sizeof *found);
        strcpy((char *)found->driver, "fake");
        strcpy((char *)found->card, device->name);
        strcpy((char *)found->bus_info, "usb-fake-1");
        uint32_t captures = device->has_pieces ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE;
        found->capabilities = V4L2_CAP_DEVICE_CAPS | captures | V4L2_CAP_STREAMING;
        // A device without modes stands for the node with a camera's metadata.
        found->device_caps = device->mode_count ? captures | V4L2_CAP_STREAMING : V4L2_CAP_META_CAPTURE;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *found = argument;
        if (found->type != type_of(device)) return fail(EINVAL);
        if (!(mode = enumerate(device, found->index, 0, 0, 0, 0))) return fail(EINVAL);
        found->pixelformat = mode->fourcc;
        return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *found = argument;
        if (!(mode = enumerate(device, found->index, 1, found->pixel_format, 0, 0))) return fail(EINVAL);
        found->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        found->discrete.width = mode->width;
        found->discrete.height = mode->height;
        return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *found = argument;
        if (!(mode = enumerate(device, found->index, 2, found->pixel_format, found->width, found->height)))
            return fail(EINVAL);
        found->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        found->discrete = (struct v4l2_fract){1, mode->rate};
        return 0;
    }
    case VIDIOC_S_FMT:
        if ((number = failure(device, call_format))) return fail(number);
        if (((struct v4l2_format *)argument)->type != type_of(device)) return fail(EINVAL);
        return set_format(device, argument);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_captureparm *rate = &((struct v4l2_streamparm *)argument)->parm.capture;
        if (request == VIDIOC_S_PARM && rate->timeperframe.numerator)
            device->rate = rate->timeperframe.denominator / rate->timeperframe.numerator;
        rate->capability = V4L2_CAP_TIMEPERFRAME;
        rate->timeperframe = (struct v4l2_fract){1, device->rate};
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *wanted = argument;
        if ((number = failure(device, call_buffers))) return fail(number);
        if (wanted->type != type_of(device)) return fail(EINVAL);
        if (wanted->count > most_buffers) wanted->count = most_buffers;
        device->buffer_count = wanted->count;
        memset(device->is_queued, 0, sizeof device->is_queued);
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= device->buffer_count || buffer->type != type_of(device)) return fail(EINVAL);
        if (!device->has_pieces) {
            buffer->length = device->piece_size[0];
            buffer->m.offset = buffer->index << 24;
            return 0;
        }
        if (buffer->length < device->piece_count) return fail(EINVAL);
        buffer->length = device->piece_count;
        for (uint32_t i = 0; i < buffer->length; i++) {
            buffer->m.planes[i].length = device->piece_size[i];
            buffer->m.planes[i].m.mem_offset = buffer->index << 24 | i << 20;
        }
        return 0;
    }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= device->buffer_count || device->is_queued[buffer->index]) return fail(EINVAL);
        if (buffer->type != type_of(device)) return fail(EINVAL);
        if (device->has_pieces && buffer->length != device->piece_count) return fail(EINVAL);
        device->is_queued[buffer->index] = 1;
        return 0;
    }
    case VIDIOC_STREAMON: {
        if ((number = failure(device, call_start))) return fail(number);
        long step = 1000000000L / device->rate;
        struct timespec interval = {.tv_sec = step / 1000000000L, .tv_nsec = step % 1000000000L};
        struct itimerspec timer = {.it_interval = interval, .it_value = interval};
        device->offset = 0;
        return timerfd_settime(device->descriptor, 0, &timer, NULL);
    }
    case VIDIOC_STREAMOFF: return 0;
    case VIDIOC_DQBUF: return take(device, argument);
    default: return fail(ENOTTY);
    }
}

int ioctl(int descriptor, unsigned long request, ...) {
    int (*next)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    pthread_mutex_lock(&lock);
    struct device *device = find(descriptor);
    int result = device ? answer(device, request, argument) : 0;
    pthread_mutex_unlock(&lock);
    return device ? result : next(descriptor, request, argument);
}
