#!/bin/busybox sh
# The node in small: for each case, what KMM's init container and worker do,
# then what came of it, one marked line each. Starts at the case that the
# kernel's command line names, since a crash ends only that case.
#
# An emulated machine takes milliseconds to start a program, so that what the shell
# can do itself is done there. Programs are called by their paths: this shell prefers
# its own of the same name.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mkdir -p /etc/modprobe.d
dmesg -n 1
dmesg -c >/dev/null
first=$(sed -n 's/.*kmm.first=\([0-9]*\).*/\1/p' /proc/cmdline)
release=$(uname -r)

# `say MARK`: the lines of /out, each with its mark.
say() {
    while IFS= read -r line || [ -n "$line" ]; do printf '@%s %s\n' "$1" "$line"; done </out
}

# Sets `loaded`.
list_loaded() {
    loaded=
    while read -r name _; do loaded="$loaded $name"; done </proc/modules
}

# The init container: its shell and tools, in the image's file system and
# working directory, which the container runtime makes where it is missing.
copy() {
    local image=$1/image cwd tool program
    IFS= read -r cwd <"$1/cwd"
    for tool in sh mkdir cp; do
        [ -f "$image/bin/$tool" ] && [ ! -L "$image/bin/$tool" ] || continue
        if [ $tool = sh ]; then program=/bin/bash-static; else program=/bin/busybox; fi
        mount --bind $program "$image/bin/$tool"
    done
    mkdir -p "$image/tmp" "$image/dev"
    mount --bind /tmp "$image/tmp"
    chroot "$image" /bin/sh -c "mkdir -p $cwd; cd $cwd && $(cat "$1/copy")"
}

# The worker: unloads what it is told to, then calls modprobe.
load() {
    for name in /etc/modprobe.d/*; do [ ! -f "$name" ] || rm "$name"; done
    [ ! -f "$1/softdep.conf" ] || cp "$1/softdep.conf" /etc/modprobe.d/
    if [ -f "$1/remove" ]; then
        while read -r name; do
            [ -z "$(find "/lib/modules/$release" -name "$name.ko*")" ] || /bin/modprobe -rv "$name" || return 1
        done <"$1/remove"
    fi
    set --
    while IFS= read -r word; do set -- "$@" "$word"; done <"$case/args"
    # Some files never end, a FIFO for one.
    timeout 60 /bin/modprobe "$@"
}

for case in /cases/*; do
    number=${case##*/}
    [ "$number" -ge "$first" ] || continue
    echo "@case $number"
    rm -rf /tmp/*
    copy "$case" >/out 2>&1
    copied=$?
    say copy
    if [ $copied = 0 ]; then
        load "$case" >/out 2>&1
        echo "@exit $?"
        say modprobe
        list_loaded
        echo "@loaded$loaded"
    else
        echo "@exit 125"
    fi
    dmesg -c >/out
    say dmesg
    list_loaded
    for try in 1 2 3 4 5; do
        [ -n "$loaded" ] || break
        for name in $loaded; do /bin/rmmod "$name" 2>/dev/null; done
        list_loaded
    done
    dmesg -c >/dev/null
    echo "@end"
    if [ -n "$loaded" ]; then
        echo "@stuck$loaded"
        reboot -f
    fi
done
echo "@done"
reboot -f
