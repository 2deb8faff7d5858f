#include "CPerceptMedia.h"

#include <stdio.h>
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

void percept_read_component(
    uint16_t *line, const AVFrame *frame, const AVPixFmtDescriptor *descriptor, int component, int y) {
    av_read_image_line2(
        line, (const uint8_t **)frame->data, frame->linesize, descriptor, 0, y, component, frame->width, 0, 2);
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

static _Thread_local char message[256];

static void keep_first_error(void *source, int level, const char *format, va_list arguments) {
    if (level > AV_LOG_ERROR || message[0]) return;
    vsnprintf(message, sizeof message, format, arguments);
    message[strcspn(message, "\r\n")] = 0;
}

void percept_capture_log(void) { av_log_set_callback(keep_first_error); }
void percept_clear_message(void) { message[0] = 0; }
const char *percept_message(void) { return message; }
