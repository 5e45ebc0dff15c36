# The first program of the guest: for each case it does what KMM's worker does, and tells in the
# kernel's own log what came of it, so that nothing of the two is mixed up. Programs are few: a
# shell, mount, and kmod as modprobe and rmmod. /kmm/plan has the cases, and the word that begins
# every line of this program.
/kmm/mount -n -t proc proc /proc
/kmm/mount -n -t sysfs sysfs /sys
echo 60 >/proc/sys/kernel/hung_task_timeout_secs
echo 8 >/proc/sys/kernel/printk

. /kmm/plan

say() {
    printf '<1>%s %.800s\n' "$mark" "$1" >/dev/kmsg
}

# Sets `loaded`, without what stays.
list_loaded() {
    loaded=
    while read -r name _; do
        case " $stuck " in
            *" $name "*) ;;
            *) loaded="$loaded $name" ;;
        esac
    done </proc/modules
}

# Modules that cannot be unloaded are in the way of a case that has one of these names, and of every
# case where one of them exports symbols, or does not show whether it does.
is_in_the_way() {
    eval "own=\$modules_$1"
    [ -n "$own" ] || return 0
    for name in $stuck; do
        case " $own " in *" $name "*) return 0 ;; esac
        [ -d "/sys/module/$name/sections" ] || return 0
        for table in "/sys/module/$name/sections"/__ksymtab*; do
            [ ! -e "$table" ] || return 0
        done
    done
    return 1
}

stuck=
say ready
for case in $cases; do
    # Another guest is asked.
    if [ -n "$stuck" ] && is_in_the_way "$case"; then continue; fi
    say "begin $case"
    /kmm/mount -n --bind "/kmm/cases/$case/tmp" /tmp
    while IFS= read -r line; do printf '%s\n' "$line"; done <"/kmm/cases/$case/softdep.conf" >/etc/modprobe.d/softdep.conf
    {
        (. "/kmm/cases/$case/run") 2>&1
        echo "exit $?"
    } </dev/null | while IFS= read -r line || [ -n "$line" ]; do say "said $line"; done
    say "end $case"
    list_loaded
    for try in 1 2 3 4 5; do
        [ -n "$loaded" ] || break
        for name in $loaded; do /kmm/rmmod "$name" 2>/dev/null; done
        list_loaded
    done
    stuck="$stuck$loaded"
done
say done
