# How the registry's image tries a release, which releases.sh makes live: the parts that differ from program to program.
#   image=ID                the registry's image
#   probe=URL               what it has to answer
# shellcheck disable=SC2154,SC2329 # releases.sh sets directory, release and owner, and calls this

image='' probe=''

# The registry has nothing like nginx -t: the declared image serves an empty folder with the staged release. Docker's
# command line may give its containers a proxy.
try_staged() {
	# shellcheck disable=SC2016  # expanded in the container
	trial='unset http_proxy HTTP_PROXY
		registry serve "$1" & attempt=0
		until wget -q -O /dev/null "$2" 2> /dev/null; do
			attempt=$((attempt + 1))
			kill -0 $! 2> /dev/null && [ "$attempt" -lt 20 ] || exit 1
			sleep 1
		done'
	output=$(docker run --rm --network none --user "$owner" --read-only --tmpfs /tmp --tmpfs /var/lib/registry \
		--mount "type=bind,source=$directory/releases/$release,target=/etc/private-registry/current,readonly" \
		--env OTEL_TRACES_EXPORTER=none --entrypoint sh "$image" \
		-c "$trial" trial /etc/private-registry/current/config.yml "$probe" 2>&1) ||
		fail "the registry does not start with the new image or configuration, the old one keeps serving:" \
			"$(printf '%s\n' "$output" | grep -v -e '^Usage' -e '^Flags' -e '^ ' -e '^$' | tail -n 5)"
}

# It reads its configuration when it starts: the container is made anew.
put_to_use() {
	:
}

look_at_program() {
	:
}
