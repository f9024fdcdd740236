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
	docker run --rm --network none --user 0:0 --read-only --cap-drop ALL --cap-add CHOWN \
		--mount "type=volume,source=$volume,target=$path,volume-nocopy" --entrypoint chown "$image" "$owner" "$path"
}

set -eu
main "$@"
