# Chroots of other releases. Sourced after server.sh; they need root, debootstrap and the network.

ubuntu=http://archive.ubuntu.com/ubuntu

# Unpacks the keys of Ubuntu, which Debian does not have, and prints where they are.
fetch_ubuntu_keys() {
    wget -q -O "$scratch/keyring.deb" "$ubuntu/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb" &&
        sha256sum --quiet -c - <<<"36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8  $scratch/keyring.deb" &&
        dpkg-deb -x "$scratch/keyring.deb" "$scratch/keyring" && echo "$scratch/keyring/usr/share/keyrings/ubuntu-archive-keyring.gpg"
}

# make_chroot DIRECTORY CODENAME [PACKAGE...]: of Debian, or of Ubuntu 24.04 (noble). A release that debootstrap has no script for is made by
# that of another one.
make_chroot() {
    local directory=$1 codename=$2 mirror=http://deb.debian.org/debian script=sid options=()
    if [[ ! -e $directory/.made ]]; then
        remove_chroot "$directory" # what was interrupted
        if [[ $codename == noble ]]; then
            mirror=$ubuntu script=gutsy
            options=(--components=main,universe --keyring="$(fetch_ubuntu_keys)")
        fi
        [[ ! -e /usr/share/debootstrap/scripts/$codename ]] || script=$codename
        debootstrap --variant=minbase "${options[@]}" "$codename" "$directory" "$mirror" "/usr/share/debootstrap/scripts/$script" >"$scratch/debootstrap.log" 2>&1 ||
            die "debootstrap $codename failed" "$(tail "$scratch/debootstrap.log")"
        touch "$directory/.made"
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
    mountpoint -q "$directory/proc" || mount -t proc proc "$directory/proc" || die "/proc of $directory cannot be mounted."
    mkdir -p -m 1777 "$directory/dev/shm"
    (($# == 2)) || in_chroot "$directory" sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends ${*:3}" >"$scratch/chroot.log" 2>&1 ||
        die "packages for $codename failed" "$(tail "$scratch/chroot.log")"
}

# add_server DIRECTORY MAJOR [CODENAME]: adds a server with its headers, of an older release if that is named. The headers are only
# unpacked, as their package would bring compilers with it that are not needed.
add_server() {
    [[ -z ${3:-} ]] || echo "deb http://deb.debian.org/debian $3 main" >"$1/etc/apt/sources.list.d/$3.list"
    in_chroot "$1" sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql-$2 && cd /tmp &&
        apt-get download -qq postgresql-server-dev-$2 && dpkg-deb -x postgresql-server-dev-${2}_*.deb / && rm postgresql-server-dev-*" \
        >"$scratch/chroot.log" 2>&1 || die "PostgreSQL $2 cannot be added" "$(tail "$scratch/chroot.log")"
}

in_chroot() { chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb "${@:2}"; }

unmount_chroot() { if mountpoint -q "$1/proc"; then umount -l "$1/proc"; fi; }

remove_chroot() {
    unmount_chroot "$1"
    rm -rf --one-file-system "$1"
}
