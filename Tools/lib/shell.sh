# shellcheck shell=bash
# Shared by the scripts of Tools/: messages, root, and the folder for what is downloaded. Sourced, not run.

# Says on standard error who speaks.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# Ends with sysexits' 69, "unavailable": something this machine lacks.
stop() {
    say "$1"
    exit 69
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Package lists may be absent or old; one broken third-party source must not stop the rest.
update_package_lists() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null >&2 ||
        say "apt-get update failed in part; going on with the lists at hand"
}

# Where drivers are unpacked: outside the repository, shared by every checkout.
driver_cache="${XDG_CACHE_HOME:-$HOME/.cache}/percept/drivers"
