# Gives a volume to the user as whom a container runs. Called as: volume=NAME image=ID owner=UID:GID path=PATH folder=NAME

main() {
	volume='' image='' owner='' path='' folder=''
	read_words "$@"
	# Docker gives an empty volume the owner of the image's folder at every start, so it may not stay empty.
	docker run --rm --network none --user 0:0 --read-only --cap-drop ALL --cap-add CHOWN \
		--mount "type=volume,source=$volume,target=$path,volume-nocopy" --entrypoint sh "$image" \
		-c 'mkdir -p "$2/$3" && chown "$1" "$2" "$2/$3"' own "$owner" "$path" "$folder"
}

set -eu
main "$@"
