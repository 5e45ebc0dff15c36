#!/bin/busybox sh
# The guest: loads each module on its own and prints what came of it.
export PATH=/bin
busybox mkdir -p /proc /dev
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
exec >/dev/console 2>&1
for file in /modules/*.ko; do
    name=${file##*/}
    busybox dmesg -c >/dev/null
    if busybox insmod "$file" 2>/dev/null; then answer=loaded; else answer=refused; fi
    echo "CASE ${name%.ko} $answer $(busybox dmesg | busybox tail -n 1)"
    # What a copy of the good module was called before it lost a section.
    busybox rmmod "${name%.ko}" 2>/dev/null || busybox rmmod good 2>/dev/null
done
echo END
busybox poweroff -f
