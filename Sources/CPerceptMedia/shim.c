#ifndef _GNU_SOURCE
#define _GNU_SOURCE // ppoll
#endif
#include "CPerceptMedia.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int percept_convert_frame(const AVFrame *source, AVFrame *target) {
    struct SwsContext *scaler = sws_getContext(
        source->width, source->height, source->format, target->width, target->height, target->format,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT, NULL, NULL, NULL);
    if (!scaler) return AVERROR(ENOSYS);
    int result = sws_scale(
        scaler, (const uint8_t *const *)source->data, source->linesize, 0, source->height, target->data,
        target->linesize);
    sws_freeContext(scaler);
    return result < 0 ? result : 0;
}

// FFmpeg 6 carries what a packet holds, and FFmpeg 7 lacks the field that earlier ones set on the decoder.
void percept_carry_packet_ids(AVCodecContext *decoder) {
#ifdef AV_CODEC_FLAG_COPY_OPAQUE
    decoder->flags |= AV_CODEC_FLAG_COPY_OPAQUE;
#else
    (void)decoder;
#endif
}

int percept_send_packet(AVCodecContext *decoder, AVPacket *packet, int64_t id) {
#ifdef AV_CODEC_FLAG_COPY_OPAQUE
    if (packet) packet->opaque = (void *)(intptr_t)id;
#else
    decoder->reordered_opaque = id;
#endif
    return avcodec_send_packet(decoder, packet);
}

int64_t percept_packet_id(const AVFrame *frame) {
#ifdef AV_CODEC_FLAG_COPY_OPAQUE
    return (intptr_t)frame->opaque;
#else
    return frame->reordered_opaque;
#endif
}

int percept_is_key(const AVFrame *frame) {
#ifdef AV_FRAME_FLAG_KEY
    return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
    return frame->key_frame;
#endif
}

int percept_wait_readable(int first, int second, int64_t nanoseconds) {
    struct pollfd entries[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
#ifdef __linux__
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    if (ppoll(entries, 2, &limit, NULL) <= 0) return 0;
#else
    if (poll(entries, 2, (int)((nanoseconds + 999999) / 1000000)) <= 0) return 0;
#endif
    return (entries[0].revents != 0) | (entries[1].revents != 0) << 1;
}

int percept_fill_packet(AVPacket *packet, const uint8_t *bytes, size_t count) {
    if (count > INT32_MAX / 2) return AVERROR(EINVAL);
    if (!packet->buf || !av_buffer_is_writable(packet->buf)
        || packet->buf->size < count + AV_INPUT_BUFFER_PADDING_SIZE) {
        av_packet_unref(packet);
        // Room to spare: compressed pictures differ in size.
        int result = av_new_packet(packet, (int)(count + count / 2));
        if (result < 0) return result;
    }
    packet->data = packet->buf->data;
    packet->size = (int)count;
    memcpy(packet->data, bytes, count);
    memset(packet->data + count, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    return 0;
}

int percept_scale_frame(
    struct SwsContext **scaler, const AVFrame *source, int matrix, int full_range, AVFrame *target) {
    *scaler = sws_getCachedContext(
        *scaler, source->width, source->height, source->format, target->width, target->height, target->format,
        SWS_BILINEAR, NULL, NULL, NULL);
    if (!*scaler) return AVERROR(ENOSYS);
    // Refused for formats without a matrix, which need none.
    sws_setColorspaceDetails(
        *scaler, sws_getCoefficients(matrix), full_range, sws_getCoefficients(SWS_CS_ITU601), 0, 0, 1 << 16, 1 << 16);
    int result = sws_scale(
        *scaler, (const uint8_t *const *)source->data, source->linesize, 0, source->height, target->data,
        target->linesize);
    return result < 0 ? result : 0;
}

void percept_read_component(
    uint16_t *line, const AVFrame *frame, const AVPixFmtDescriptor *descriptor, int component, int y) {
    av_read_image_line2(
        line, (const uint8_t **)frame->data, frame->linesize, descriptor, 0, y, component, frame->width, 0, 2);
}

// The bytes repeat after a prime number of them, so that rows of any width differ.
enum { mark_period = 4093, mark_window = 16 };

// Any bytes of no pattern: the high ones of a multiplicative generator's states.
static void make_marks(uint8_t *marks, size_t count) {
    uint64_t state = 0x9E3779B97F4A7C15;
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005 + 1442695040888963407;
        marks[i] = state >> 56;
    }
}

static int marked_planes(const AVFrame *frame) {
    const AVPixFmtDescriptor *descriptor = av_pix_fmt_desc_get(frame->format);
    if (!descriptor || descriptor->flags & AV_PIX_FMT_FLAG_HWACCEL) return 0;
    // The second plane of a palette picture holds colours, not all of which need be there.
    return descriptor->flags & AV_PIX_FMT_FLAG_PAL ? 1 : av_pix_fmt_count_planes(frame->format);
}

static int get_marked_buffer(AVCodecContext *decoder, AVFrame *frame, int flags) {
    int result = avcodec_default_get_buffer2(decoder, frame, flags);
    if (result < 0) return result;
    uint8_t marks[mark_period];
    make_marks(marks, mark_period);
    for (int plane = 0; plane < marked_planes(frame); plane++) {
        const AVBufferRef *buffer = av_frame_get_plane_buffer(frame, plane);
        if (!buffer) continue;
        for (size_t start = 0; start < buffer->size; start += mark_period) {
            size_t rest = buffer->size - start;
            memcpy(buffer->data + start, marks, rest < mark_period ? rest : mark_period);
        }
    }
    return result;
}

void percept_mark_buffers(AVCodecContext *decoder) { decoder->get_buffer2 = get_marked_buffer; }

int percept_is_written(const AVFrame *frame) {
    // Windows go over the end of the period.
    uint8_t marks[mark_period + mark_window];
    make_marks(marks, mark_period);
    memcpy(marks + mark_period, marks, mark_window);
    const AVPixFmtDescriptor *descriptor = av_pix_fmt_desc_get(frame->format);
    for (int plane = 0; plane < marked_planes(frame); plane++) {
        const AVBufferRef *buffer = av_frame_get_plane_buffer((AVFrame *)frame, plane);
        int bytes = av_image_get_linesize(frame->format, frame->width, plane);
        int window = bytes < mark_window ? bytes : mark_window;
        // A few bytes may be equal by chance.
        if (!buffer || window < 4) continue;
        int shift = plane == 1 || plane == 2 ? descriptor->log2_chroma_h : 0;
        int rows = -(-frame->height >> shift);
        for (int y = 0; y < rows; y++) {
            const uint8_t *row = frame->data[plane] + (ptrdiff_t)y * frame->linesize[plane];
            size_t offset = row - buffer->data;
            for (int x = 0; x + window <= bytes; x += 2 * mark_window) {
                if (memcmp(row + x, marks + (offset + x) % mark_period, window) == 0) return 0;
            }
            if (memcmp(row + bytes - window, marks + (offset + bytes - window) % mark_period, window) == 0) return 0;
        }
    }
    return 1;
}

const int32_t *percept_display_matrix(const AVStream *stream) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVPacketSideData *data = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return data && data->size >= 9 * sizeof(int32_t) ? (const int32_t *)data->data : NULL;
#else
    size_t size = 0;
    const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data && size >= 9 * sizeof(int32_t) ? (const int32_t *)data : NULL;
#endif
}

static int open_checked(AVFormatContext *context, AVIOContext **io, const char *url, int flags, AVDictionary **options) {
    percept_trust *trust = context->opaque;
    AVDictionary *own = NULL;
    if (!options) options = &own;
    int result = av_dict_set(options, "tls_verify", "1", 0);
    if (result >= 0 && trust->authorities) result = av_dict_set(options, "ca_file", trust->authorities, 0);
    if (result >= 0) result = trust->open(context, io, url, flags, options);
    if (result < 0 && !trust->failed) trust->failed = strdup(url);
    av_dict_free(&own);
    return result;
}

void percept_check_certificates(AVFormatContext *context, percept_trust *trust) {
    trust->open = context->io_open;
    context->opaque = trust;
    context->io_open = open_checked;
}

// Longer than an address, which is shown without its password: that needs the whole of it.
AVIOContext *percept_open_output(void *opaque, int (*write)(void *, const uint8_t *, int)) {
    enum { size = 1 << 16 };
    uint8_t *buffer = av_malloc(size);
    if (!buffer) return NULL;
#if LIBAVFORMAT_VERSION_MAJOR < 61
    AVIOContext *io = avio_alloc_context(buffer, size, 1, opaque, NULL, (int (*)(void *, uint8_t *, int))write, NULL);
#else
    AVIOContext *io = avio_alloc_context(buffer, size, 1, opaque, NULL, write, NULL);
#endif
    if (io) io->seekable = 0;
    else av_free(buffer);
    return io;
}

static _Thread_local char message[2048];

struct percept_error_count {
    atomic_int count;
};

static void keep_first_error(void *source, int level, const char *format, va_list arguments) {
    if (level > AV_LOG_ERROR) return;
    const AVClass *class = source ? *(const AVClass **)source : NULL;
    if (class && class->class_name && !strcmp(class->class_name, "AVCodecContext")) {
        percept_error_count *errors = ((AVCodecContext *)source)->opaque;
        if (errors) atomic_fetch_add_explicit(&errors->count, 1, memory_order_relaxed);
    }
    if (message[0]) return;
    vsnprintf(message, sizeof message, format, arguments);
    message[strcspn(message, "\r\n")] = 0;
}

percept_error_count *percept_count_errors(AVCodecContext *context) {
    percept_error_count *errors = calloc(1, sizeof *errors);
    context->opaque = errors;
    return errors;
}

int percept_errors(const percept_error_count *errors) {
    return errors ? atomic_load_explicit(&errors->count, memory_order_relaxed) : 0;
}

void percept_capture_log(void) { av_log_set_callback(keep_first_error); }
void percept_clear_message(void) { message[0] = 0; }
const char *percept_message(void) { return message; }
