# Makes a machine of the lab (base/machine.sh) what Debian's installer leaves. LAB_MIRROR is the folder for packages,
# LAB_PACKAGES what to fetch into it.

# Fetched with the tree's own apt, so that just what is missing in it comes.
mkdir -p "$LAB_MIRROR/partial"
# shellcheck disable=SC2086
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --download-only -o Dir::Cache::archives="$LAB_MIRROR" install $LAB_PACKAGES
rm -rf "$LAB_MIRROR/partial" "$LAB_MIRROR/lock"

# Debian's own file as its installer writes it, with main alone. The address is the lab's, whose list has no signature.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
cat >"$root/etc/apt/sources.list.d/debian.sources" <<EOF
Types: deb
URIs: http://$LAB_SUBNET.1/debian
Suites: trixie
Components: main
Trusted: yes
EOF
rm -f "$root"/etc/apt/apt.conf.d/99mmdebstrap

# One user may become root with sudo, the other only with a password, which is not set.
printf 'drover ALL=(ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/drover"
printf 'guest ALL=(ALL) ALL\n' >"$root/etc/sudoers.d/guest"
chmod 0440 "$root"/etc/sudoers.d/*
