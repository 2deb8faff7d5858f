# shellcheck shell=bash
# Unpacks packages of another Debian suite beside the system, as an ordinary user and without installing anything.
# Sourced after shell.sh.

# The Debian mirror that this machine already uses.
debian_mirror() {
    command -v apt-get >/dev/null || stop "this needs Debian's apt-get"
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 'Origin: Debian' |
        awk '$2 !~ /security/ { print $1; exit }'
}

# open_debian TYPES SUITE STATUS FOLDER: makes $work, a folder beside FOLDER that goes when the script ends, and in it an
# apt of its own for what follows, which reads the TYPES ("deb deb-src") of SUITE and takes for installed what the dpkg
# database STATUS has.
open_debian() {
    local types=$1 suite=$2 status=$3 folder=$4 mirror type
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || stop "no Debian mirror among this machine's apt sources (run apt-get update once)"
    mkdir -p "${folder%/*}"
    work=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/root"
    cp "$status" "$work/apt/status"
    for type in $types; do
        printf '%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$type" "$mirror" "$suite"
    done >"$work/apt/sources.list"
    cat >"$work/apt/apt.conf" <<CONF
Dir::State "$work/apt";
Dir::State::lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt";
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Debug::NoLocking "true";
APT::Sandbox::User "";
APT::Install-Recommends "false";
DPkg::Post-Invoke "";
CONF
    export APT_CONFIG="$work/apt/apt.conf"
    apt-get -qq update </dev/null >&2 || stop "cannot read Debian $suite"
}

# Puts what was made in $work/root in FOLDER's place, whole.
close_debian() {
    local folder=$1
    rm -rf "$folder"
    mv "$work/root" "$folder"
    rm -rf "$work"
    trap - EXIT
    unset APT_CONFIG
}

# unpack_debian SUITE STATUS FOLDER PACKAGE...: into FOLDER goes everything the packages need that the dpkg database
# STATUS lacks (/dev/null: everything down to the C library).
unpack_debian() {
    local suite=$1 status=$2 folder=$3 archive
    shift 3
    say "fetching $* of Debian $suite"
    open_debian deb "$suite" "$status" "$folder"
    apt-get -qq install --yes --download-only --target-release "$suite" "$@" </dev/null >&2 ||
        stop "cannot fetch from Debian $suite: $*"
    for archive in "$work"/apt/archives/*.deb; do
        dpkg-deb --extract "$archive" "$work/root"
    done
    close_debian "$folder"
}
