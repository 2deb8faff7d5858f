# shellcheck shell=bash
# Unpacks packages of another Debian suite beside the system, as an ordinary user and without installing anything.
# Sourced after shell.sh.

# The Debian mirror that this machine already uses.
debian_mirror() {
    command -v apt-get >/dev/null || stop "this needs Debian's apt-get"
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 'Origin: Debian' |
        awk '$2 !~ /security/ { print $1; exit }'
}

# unpack_debian SUITE STATUS FOLDER PACKAGE...: into FOLDER goes everything the packages need that the dpkg database
# STATUS lacks (/dev/null: everything down to the C library).
unpack_debian() {
    local suite=$1 status=$2 folder=$3 mirror work archive
    shift 3
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || stop "no Debian mirror among this machine's apt sources (run apt-get update once)"
    mkdir -p "${folder%/*}"
    work=$(mktemp -d "$folder.XXXXXX")
    trap "rm -rf '$work'" EXIT  # expanded now: work is local
    mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/root"
    cp "$status" "$work/apt/status"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" \
        >"$work/apt/sources.list"
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
    say "fetching $* of Debian $suite"
    APT_CONFIG="$work/apt/apt.conf" apt-get -qq update </dev/null >&2 || stop "cannot read Debian $suite"
    APT_CONFIG="$work/apt/apt.conf" apt-get -qq install --yes --download-only --target-release "$suite" "$@" \
        </dev/null >&2 || stop "cannot fetch from Debian $suite: $*"
    for archive in "$work"/apt/archives/*.deb; do
        dpkg-deb --extract "$archive" "$work/root"
    done
    rm -rf "$folder"
    mv "$work/root" "$folder"
    rm -rf "$work"
    trap - EXIT
}
