// Hashes of OpenSSL's libcrypto, which libcurl brings along anyway; it uses the processor's instructions where there are.
#pragma once

#include <openssl/evp.h>
