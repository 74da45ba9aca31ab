# Chroots of Debian releases. Sourced after server.sh; they need root, debootstrap and the network.

# Releases that debootstrap has no script for are made by that of sid.
# make_chroot DIRECTORY CODENAME [PACKAGE...]
make_chroot() {
    local directory=$1 codename=$2 script=()
    [[ -e /usr/share/debootstrap/scripts/$codename ]] || script=(/usr/share/debootstrap/scripts/sid)
    if [[ ! -e $directory/etc/debian_version ]]; then
        debootstrap --variant=minbase "$codename" "$directory" http://deb.debian.org/debian "${script[@]}" >"$scratch/debootstrap.log" 2>&1 ||
            die "debootstrap $codename failed" "$(tail "$scratch/debootstrap.log")"
    fi
    # Packages that were built here may need the updates that this machine gets.
    if [[ $codename == "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" ]]; then
        cp /etc/apt/sources.list.d/debian.sources "$directory/etc/apt/sources.list.d/" 2>/dev/null || cp /etc/apt/sources.list "$directory/etc/apt/"
    fi
    # A mirror may be older than its Release file allows.
    echo 'Acquire::Check-Valid-Until "false";' >"$directory/etc/apt/apt.conf.d/90valid"
    printf '#!/bin/sh\nexit 101\n' >"$directory/usr/sbin/policy-rc.d" # packages start no services
    chmod +x "$directory/usr/sbin/policy-rc.d"
    # Nothing of this machine is mounted in it, so that nothing of this machine can be removed with it.
    mountpoint -q "$directory/proc" || mount -t proc proc "$directory/proc"
    mkdir -p -m 1777 "$directory/dev/shm"
    (($# == 2)) || in_chroot "$directory" sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends ${*:3}" >"$scratch/chroot.log" 2>&1 ||
        die "packages for $codename failed" "$(tail "$scratch/chroot.log")"
}

in_chroot() { chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb "${@:2}"; }

unmount_chroot() { if mountpoint -q "$1/proc"; then umount -l "$1/proc"; fi; }

remove_chroot() {
    unmount_chroot "$1"
    rm -rf --one-file-system "$1"
}
