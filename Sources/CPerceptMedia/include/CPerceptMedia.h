// FFmpeg for Swift: its headers, and the few things that Swift cannot import (function-like macros, variadic
// callbacks) or that changed name between FFmpeg 5 and 7.
#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/time.h>
#include <libswscale/swscale.h>

#include "percept_camera.h"
#include "percept_unnamed.h"

static inline int percept_averror(int code) { return AVERROR(code); }
static inline int percept_averror_eof(void) { return AVERROR_EOF; }
static inline int percept_averror_exit(void) { return AVERROR_EXIT; }
static inline int percept_averror_invalid(void) { return AVERROR_INVALIDDATA; }
static inline int percept_averror_patch_welcome(void) { return AVERROR_PATCHWELCOME; }
static inline int percept_averror_decoder_not_found(void) { return AVERROR_DECODER_NOT_FOUND; }
static inline int64_t percept_no_timestamp(void) { return AV_NOPTS_VALUE; }

/// The first byte and the row stride of a frame's plane.
static inline uint8_t *percept_frame_data(const AVFrame *frame, int plane) { return frame->data[plane]; }
static inline int percept_frame_linesize(const AVFrame *frame, int plane) { return frame->linesize[plane]; }

/// Converts `source` into `target`, which has its own pixel format and buffers of the same size.
int percept_convert_frame(const AVFrame *source, AVFrame *target);

/// Lets each picture carry the number that its packet was sent with.
void percept_carry_packet_ids(AVCodecContext *decoder);
int percept_send_packet(AVCodecContext *decoder, AVPacket *packet, int64_t id);
int64_t percept_packet_id(const AVFrame *frame);

/// Whether a decoded frame builds on no other.
int percept_is_key(const AVFrame *frame);

/// Waits until one of two descriptors can be read or has failed, or for a time; a negative one is left out. Bit 0 of the
/// result tells of the first, bit 1 of the second.
int percept_wait_readable(int first, int second, int64_t nanoseconds);

/// Copies bytes into a packet, whose buffer is used again once nobody else holds it.
int percept_fill_packet(AVPacket *packet, const uint8_t *bytes, size_t count);

/// Points a plane of a frame at memory that the frame does not own.
static inline void percept_lend_plane(AVFrame *frame, int plane, void *start, int row_bytes) {
    frame->data[plane] = start;
    frame->linesize[plane] = row_bytes;
}

/// Converts and resizes `source` into `target`, limited-range BT.601, keeping the scaler in `scaler` for frames like it.
/// `matrix` is one of libswscale's SWS_CS numbers.
int percept_scale_frame(struct SwsContext **scaler, const AVFrame *source, int matrix, int full_range, AVFrame *target);

/// The nine 16.16 numbers of the stream's display matrix, or null.
const int32_t *percept_display_matrix(const AVStream *stream);

/// How a context opened addresses before `percept_check_certificates`, a file of authorities to trust, or null for those
/// that the TLS library knows by itself, and the first address that could not be opened, to be freed.
typedef struct {
    int (*open)(AVFormatContext *, AVIOContext **, const char *, int, AVDictionary **);
    const char *authorities;
    char *failed;
} percept_trust;

/// Lets whatever a context opens check servers' certificates. `trust` must live as long as the context, whose `opaque` it
/// takes.
void percept_check_certificates(AVFormatContext *context, percept_trust *trust);

/// Counts the errors that a decoder logs, in whatever thread: the frames of decoders with several threads do not tell all
/// damage reliably. What is counted in is to be freed behind the context, whose `opaque` it takes.
typedef struct percept_error_count percept_error_count;
percept_error_count *percept_count_errors(AVCodecContext *context);
int percept_errors(const percept_error_count *errors);

/// An output that hands its bytes on in order; null without memory. FFmpeg 7 changed the type of the function.
AVIOContext *percept_open_output(void *opaque, int (*write)(void *opaque, const uint8_t *bytes, int count));

/// Routes FFmpeg's log away from standard error. The first error that this thread's calls log is kept.
void percept_capture_log(void);
void percept_clear_message(void);
/// The kept error, without its line break; empty when there is none.
const char *percept_message(void);

/// Fills the pictures that a decoder is going to write with bytes that no picture has, so that it shows what it left out.
void percept_mark_buffers(AVCodecContext *decoder);
/// 0 when a part of a picture still holds such bytes.
int percept_is_written(const AVFrame *frame);

/// Reads row `y` of one component of a grey or RGB frame, whatever its depth, packing and byte order.
void percept_read_component(
    uint16_t *line, const AVFrame *frame, const AVPixFmtDescriptor *descriptor, int component, int y);
