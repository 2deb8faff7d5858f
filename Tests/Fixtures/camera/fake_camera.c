// Cameras that are not there: a library to preload (LD_PRELOAD) that answers for /dev/videoN what a V4L2 driver would.
// Tests/TestSupport/FakeCamera.swift compiles it and writes the file that the variable PERCEPT_FAKE_CAMERA names:
//
//   device PATH NAME                   what follows is about this one; in NAME, _ stands for a space
//   mode FOURCC WIDTH HEIGHT RATE FILE pictures in FILE, each behind four bytes with its size, over and over
//   colours SPACE ENCODING RANGE       numbers of linux/videodev2.h; 0 0 0 unless given
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

enum { most_devices = 4, most_modes = 16, most_buffers = 8, calls = 5 };
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
    uint32_t colour_space, encoding, range;
    struct {
        int number, after, count;
    } failures[calls];
    int made[calls];

    int descriptor; // -1 while closed
    int mode, rate;
    void *buffers[most_buffers];
    uint32_t buffer_count, buffer_size, sequence;
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
            mode->fourcc = v4l2_fourcc(code[0], code[1], code[2], code[3]);
            read_pictures(mode, text);
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
        size_t index = (size_t)offset >> 24;
        if (index < device->buffer_count && size == device->buffer_size) {
            // Not through mmap, whose stand-in is this function's caller.
            void *(*next)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
            result = next(address, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            device->buffers[index] = result;
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

static int set_format(struct device *device, struct v4l2_pix_format *format) {
    int chosen = 0;
    for (int i = device->mode_count - 1; i >= 0; i--) {
        struct mode *mode = &device->modes[i];
        if (mode->fourcc == format->pixelformat
            && (device->modes[chosen].fourcc != mode->fourcc
                || (mode->width == format->width && mode->height == format->height)))
            chosen = i;
    }
    struct mode *mode = &device->modes[chosen];
    device->mode = chosen;
    device->rate = mode->rate;
    format->width = mode->width, format->height = mode->height, format->pixelformat = mode->fourcc;
    format->field = V4L2_FIELD_NONE;
    int is_yuyv = mode->fourcc == V4L2_PIX_FMT_YUYV, is_nv12 = mode->fourcc == V4L2_PIX_FMT_NV12;
    format->bytesperline = is_yuyv ? 2 * mode->width : is_nv12 ? mode->width : 0;
    format->sizeimage = is_yuyv ? 2 * mode->width * mode->height
                                : is_nv12 ? mode->width * mode->height * 3 / 2 : 2 * mode->width * mode->height + 4096;
    format->colorspace = device->colour_space;
    format->ycbcr_enc = device->encoding;
    format->quantization = device->range;
    device->buffer_size = (format->sizeimage + 4095) / 4096 * 4096;
    return 0;
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
        uint32_t size;
        if (device->offset + 4 > mode->size) device->offset = 0;
        memcpy(&size, mode->file + device->offset, 4);
        if (device->offset + 4 + size > mode->size) die("a picture that goes beyond its file");
        buffer->bytesused = size < device->buffer_size ? size : device->buffer_size;
        memcpy(device->buffers[i], mode->file + device->offset + 4, buffer->bytesused);
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
        found->capabilities = V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        // A device without modes stands for the node with a camera's metadata.
        found->device_caps = device->mode_count ? V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING : V4L2_CAP_META_CAPTURE;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *found = argument;
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
        return set_format(device, &((struct v4l2_format *)argument)->fmt.pix);
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
        if (wanted->count > most_buffers) wanted->count = most_buffers;
        device->buffer_count = wanted->count;
        memset(device->is_queued, 0, sizeof device->is_queued);
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= device->buffer_count) return fail(EINVAL);
        buffer->length = device->buffer_size;
        buffer->m.offset = buffer->index << 24;
        return 0;
    }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= device->buffer_count || device->is_queued[buffer->index]) return fail(EINVAL);
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
