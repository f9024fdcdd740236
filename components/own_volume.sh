# Gives a data volume to the user as whom the container runs. Called as: volume=NAME image=ID owner=UID:GID path=PATH

main() {
	for argument; do
		value=${argument#*=}
		case $argument in
		volume=*) volume=$value ;;
		image=*) image=$value ;;
		owner=*) owner=$value ;;
		path=*) path=$value ;;
		esac
	done
	# Docker gives an empty volume the owner of the image's folder at every start, so it may not stay empty: the
	# registry keeps everything in a folder `docker`.
	docker run --rm --network none --user 0:0 --read-only --cap-drop ALL --cap-add CHOWN \
		--mount "type=volume,source=$volume,target=$path,volume-nocopy" --entrypoint sh "$image" \
		-c 'mkdir -p "$2/docker" && chown "$1" "$2" "$2/docker"' own "$owner" "$path"
}

set -eu
main "$@"
