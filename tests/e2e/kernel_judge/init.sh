#!/bin/busybox sh
# Programs are called by their paths: this shell prefers its own of the same name.
# The node in small: for each case, what KMM's init container and worker do,
# then what came of it, one marked line each. Starts at the case that the
# kernel's command line names, since a crash ends only that case.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
dmesg -n 1
dmesg -c >/dev/null
first=$(sed -n 's/.*kmm.first=\([0-9]*\).*/\1/p' /proc/cmdline)
release=$(uname -r)

loaded() {
    cut -d' ' -f1 /proc/modules
}

# The init container: its shell and tools, in the image's file system and
# working directory, which the container runtime makes where it is missing.
copy() {
    local image=$1/image cwd
    cwd=$(cat "$1/cwd")
    for tool in sh mkdir cp; do
        [ -f "$image/bin/$tool" ] && [ ! -L "$image/bin/$tool" ] || continue
        if [ $tool = sh ]; then program=/bin/bash-static; else program=/bin/busybox; fi
        mount --bind $program "$image/bin/$tool"
    done
    mkdir -p "$image/tmp"
    mount --bind /tmp "$image/tmp"
    mkdir -p "$image/dev"
    chroot "$image" /bin/sh -c "mkdir -p $cwd; cd $cwd && $(cat "$1/copy")"
}

# The worker: unloads what it is told to, then calls modprobe.
load() {
    mkdir -p /etc/modprobe.d
    rm -f /etc/modprobe.d/*
    [ ! -f "$1/softdep.conf" ] || cp "$1/softdep.conf" /etc/modprobe.d/
    if [ -f "$1/remove" ]; then
        while read -r name; do
            [ -z "$(find "/lib/modules/$release" -name "$name.ko*")" ] || /bin/modprobe -rv "$name" || return 1
        done <"$1/remove"
    fi
    set --
    while IFS= read -r word; do set -- "$@" "$word"; done <"$case/args"
    # Some files never end, a FIFO for one.
    timeout 30 /bin/modprobe "$@"
}

for case in /cases/*; do
    number=${case##*/}
    [ "$number" -ge "$first" ] || continue
    echo "@case $number"
    rm -rf /tmp/*
    copy "$case" >/out 2>&1
    copied=$?
    sed 's/^/@copy /' /out
    if [ $copied = 0 ]; then
        load "$case" >/out 2>&1
        echo "@exit $?"
        sed 's/^/@modprobe /' /out
        echo "@loaded" $(loaded)
    else
        echo "@exit 125"
    fi
    dmesg -c | sed 's/^/@dmesg /'
    for try in 1 2 3 4 5; do
        for name in $(loaded); do /bin/rmmod "$name" 2>/dev/null; done
    done
    dmesg -c >/dev/null
    echo "@end"
    if [ -n "$(loaded)" ]; then
        echo "@stuck" $(loaded)
        reboot -f
    fi
done
echo "@done"
reboot -f
