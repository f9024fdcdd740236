#!/bin/sh
# Writes the root file system of a host with clients of every kind to standard output, of a generation of Debian: Docker,
# containerd, Podman, Buildah and Skopeo, which systemd starts, and sshd, sudo and faketime as every lab host has them.
# forky is not released yet, so nobody renews the list of its security updates in time. Left out is what no test calls.
# Argument: the generation.
# shellcheck disable=SC2016  # $1 is mmdebstrap's, in the shell that runs a hook.
set -eu
here=$(dirname "$0")
exec mmdebstrap --verbose --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/lib/cni/*' \
	--dpkgopt='path-exclude=/usr/libexec/buildah/*' --dpkgopt='path-exclude=/usr/libexec/podman/podman-testing' \
	--include=systemd,openssh-server,sudo,curl,ca-certificates,iproute2,procps,faketime \
	--include=docker.io,docker-cli,docker-buildx,iptables,containerd,podman,buildah,skopeo \
	--customize-hook='chroot "$1" useradd --create-home --shell /bin/sh --password "*" ops' \
	--customize-hook='echo "ops ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/ops"' \
	--customize-hook='echo "PerSourcePenalties no" > "$1/etc/ssh/sshd_config.d/lab.conf"' \
	--customize-hook='rm -f "$1"/etc/ssh/ssh_host_*' \
	--customize-hook="copy-in $here/start-host $here/start-services /usr/local/sbin" \
	--customize-hook="copy-in $here/buildkit.service /etc/systemd/system" \
	--customize-hook='systemctl --quiet --root "$1" mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
		console-getty.service getty.target ldconfig.service systemd-journal-catalog-update.service \
		netavark-dhcp-proxy.socket netavark-dhcp-proxy.service' \
	--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*' \
	"$1" -
