# shellcheck shell=bash
# Mesa's drivers and Vulkan's tools of Debian sid. They need sid's own C library, so the packages (400 MB unpacked,
# fetched once, nothing installed) come with everything down to it, and programs are started through sid's dynamic
# linker. Sourced after shell.sh and debian.sh.

sid="$driver_cache/mesa-sid"

fetch_sid() {
    [ ! -e "$sid/lavapipe_icd.json" ] || return 0
    unpack_debian sid /dev/null "$sid" mesa-vulkan-drivers libvulkan1 vulkan-validationlayers vulkan-tools \
        glslang-tools spirv-tools
    write_sid_manifest lvp "$sid/lavapipe_icd.json"
}

# write_sid_manifest DRIVER FILE: by which a Vulkan loader finds the driver.
write_sid_manifest() {
    local library
    library=$(echo "$sid"/usr/lib/*/"libvulkan_$1.so")
    [ -e "$library" ] || stop "Debian sid has no libvulkan_$1.so for this processor"
    printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.4.0"}}\n' "$library" >"$2"
}

# start_on_sid MANIFEST PRELOAD PROGRAM [ARGUMENT...]: becomes the program, with the library PRELOAD before its own
# unless that is empty.
start_on_sid() {
    local manifest=$1 preload=$2 program libraries
    program=$(PATH="$sid/usr/bin:$PATH" command -v -- "$3") || { say "no program $3"; exit 66; }
    shift 3
    libraries=$(echo "$sid"/usr/lib/*-linux-gnu)
    # Without -R, address randomisation makes the CPU driver crash.
    exec env VK_DRIVER_FILES="$manifest" VK_ICD_FILENAMES="$manifest" \
        VK_LAYER_PATH="$sid/usr/share/vulkan/explicit_layer.d" \
        setarch -R "$libraries"/ld-linux-*.so.* ${preload:+--preload "$preload"} --library-path "$libraries" \
        "$program" "$@"
}
