# Proves on a client that Kubernetes' runtime gets what the stack promises: by crictl, as the kubelet pulls, where there is
# one, and by ctr. The image for that is pushed by ctr, whose own login is in a folder that goes again.
#
# Called as: runtime=containerd|k3s|rke2 registry=HOST[:PORT] repository=NAME user=NAME [authority=FILE]
# [aliases=HOST[:PORT],...]
# `payload password` prints the user's password, `payload image` an archive with an image in base64.
# shellcheck disable=SC2154 # proof.sh sets the rest

remove_images() {
	set -f
	# shellcheck disable=SC2086 # names of images
	[ -z "$names" ] || ctr images rm $names
	# shellcheck disable=SC2086
	[ -z "$pulled" ] || ! has_crictl || crictl rmi $pulled
}

# What K3s and RKE2 bring is told where their own containerd is.
find_programs() {
	step="$runtime is installed"
	case $runtime in
	k3s)
		ctr() { command k3s ctr "$@"; }
		crictl() { command k3s crictl "$@"; }
		command -v k3s > /dev/null || fail "k3s is not installed on this client"
		;;
	rke2)
		PATH=$PATH:/var/lib/rancher/rke2/bin
		ctr() { command ctr --address /run/k3s/containerd/containerd.sock "$@"; }
		crictl() { command crictl --runtime-endpoint unix:///run/k3s/containerd/containerd.sock "$@"; }
		;;
	*) crictl() { command crictl --runtime-endpoint unix:///run/containerd/containerd.sock "$@"; } ;;
	esac
	[ "$runtime" = k3s ] || command -v ctr > /dev/null || fail "ctr is not installed on this client"
}

# Docker's package of containerd has CRI turned off.
has_crictl() {
	[ "$runtime" = k3s ] || command -v crictl > /dev/null || return 1
	crictl info > /dev/null 2>&1
}

# A password among a program's arguments is seen by each user.
hosts_of() {
	folder=$scratch/hosts/$1
	mkdir -p "$folder"
	{
		printf 'server = "https://%s"\n[host."https://%s"]\n' "$1" "$1"
		[ -z "$authority" ] || printf 'ca = "%s"\n' "$authority"
		printf '[host."https://%s".header]\nAuthorization = "Basic %s"\n' "$1" "$CRICTL_AUTH"
	} > "$folder/hosts.toml"
}

check_push() {
	step='ctr images import'
	payload image | base64 -d | gzip -d > "$scratch/image.tar"
	run ctr images import --no-unpack "$scratch/image.tar"
	loaded=docker.io/library/private-registry-verification:$(printf '%s' "$registry" | sha256sum | cut -c 1-12)
	names="$loaded $registry/$repository:probe"
	run ctr images tag --force "$loaded" "$registry/$repository:probe"
	step='ctr images push'
	hosts_of "$registry"
	run ctr images push --hosts-dir "$scratch/hosts" "$registry/$repository:probe"
	digest=$(ctr images ls "name==$registry/$repository:probe" | grep -o 'sha256:[0-9a-f]*' | head -n 1)
	# shellcheck disable=SC2086
	run ctr images rm $names
	names=''
}

check_pull() {
	image=$registry/$repository@$digest
	if has_crictl; then
		step='crictl pull'
		run crictl pull "$image"
		pulled="$pulled $image"
	else
		step='ctr images pull'
		hosts_of "$registry"
		run ctr images pull --hosts-dir "$scratch/hosts" "$image"
		names="$names $image"
	fi
}

check_alias() {
	check_tls
	check_pull
}

main() {
	# shellcheck disable=SC2034 # proof.sh says the step
	runtime='' registry='' repository='' user='' authority='' aliases='' step=arguments
	read_words "$@"
	names='' pulled='' # until there is something
	check_curl
	find_programs
	leave_nothing
	CRICTL_AUTH=$(basic)
	export CRICTL_AUTH
	check_tls
	check_push
	check_pull
	conclude "trusted, 401 without a login, pushed, pulled $digest by ${step%% *}" check_alias
}

set -eu
main "$@"
