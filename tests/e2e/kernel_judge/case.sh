# What KMM's init container and worker do with the case that the guest's first program names.
#
# An emulated machine takes milliseconds to start a program, so that what the shell can do itself is
# done there.
folder=/kmm/cases/$case
image=$folder/image
box=/bin/busybox

# The init container, in the image's file system and working directory, which the container runtime
# makes where it is missing.
IFS= read -r cwd <"$folder/cwd"
$box mount --bind /tmp "$image/tmp"
$box chroot "$image" /bin/sh -c "[ -d $cwd ] || mkdir -p $cwd; cd $cwd && $(<"$folder/copy")" || exit 125

# The worker: unloads what it is told to, then calls modprobe.
if [ -f "$folder/remove" ]; then
    release=$($box uname -r)
    while read -r name; do
        [ -z "$($box find "/lib/modules/$release" -name "$name.ko*")" ] || /kmm/modprobe -rv "$name" || exit 1
    done <"$folder/remove"
fi
set --
while IFS= read -r word; do set -- "$@" "$word"; done <"$folder/args"
# Some files never end, a FIFO for one.
exec $box timeout 60 /kmm/modprobe "$@"
