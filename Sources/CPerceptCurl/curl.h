// libcurl, with setters that Swift can call: its own take arguments of any type.
#pragma once

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

typedef size_t (*percept_curl_receiver)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode percept_curl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

static inline CURLcode percept_curl_set_number(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

// Text is copied; nil stands for "none", not for the default.
static inline CURLcode percept_curl_set_text(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode percept_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode percept_curl_set_receiver(CURL *handle, CURLoption option, percept_curl_receiver value) {
    return curl_easy_setopt(handle, option, value);
}

// 1 and the code of a transfer that is over, else 0.
static inline int percept_curl_result(CURLM *multi, CURLcode *code) {
    int rest;
    const CURLMsg *message = curl_multi_info_read(multi, &rest);
    if (message == NULL || message->msg != CURLMSG_DONE) return 0;
    *code = message->data.result;
    return 1;
}
