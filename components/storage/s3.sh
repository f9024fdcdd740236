# How the registry's image tries a release with a bucket, which releases.sh makes live.
#   image=ID                the registry's image
#   network=NAME            by which it gets to the bucket
#   root=PATH               what the keys of a trial's objects start with
# shellcheck disable=SC2154,SC2329 # releases.sh sets directory, release and owner, and calls this

image='' network='' root=''

# A registry with the staged release takes a layer of two parts, gives it back and deletes it: all that a bucket has to
# allow, by the very keys, in a place of its own.
try_staged() {
	# shellcheck disable=SC2016  # expanded in the container
	trial='
		trap "" PIPE
		unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY
		config=$1 root=$2 size=12582912 upload=""

		# Starts a registry on a port whose objects have keys that start with a path, and waits for it.
		serve() {
			REGISTRY_HTTP_ADDR=127.0.0.1:$1 REGISTRY_STORAGE_S3_ROOTDIRECTORY=$2 registry serve "$config" >> /tmp/log 2>&1 &
			attempt=0
			until wget -q -O /dev/null "http://127.0.0.1:$1/" 2> /dev/null; do
				attempt=$((attempt + 1))
				kill -0 $! 2> /dev/null && [ "$attempt" -lt 20 ] || { cat /tmp/log; exit 3; }
				sleep 1
			done
		}

		# Tells whether a request gets a status: PORT METHOD PATH BYTES STATUS. The registry takes the end of what is
		# sent for a client that went, so the pipe stays open until it has answered.
		request() {
			rm -f /tmp/body
			mkfifo /tmp/body
			timeout 100 nc 127.0.0.1 "$1" < /tmp/body > /tmp/answer &
			exec 3> /tmp/body
			printf "%s %s HTTP/1.1\r\nHost: trial\r\nConnection: close\r\nContent-Length: %s\r\n\r\n" "$2" "$3" "$4" >&3
			head -c "$4" /dev/zero >&3 2> /dev/null
			wait $!
			exec 3>&-
			grep -q "^HTTP/1.1 $5 " /tmp/answer
		}

		place() {
			tr -d "\r" < /tmp/answer | sed -n "s/^[Ll]ocation: //p"
		}

		give_up() {
			printf "step=%s\n" "$1"
			cat /tmp/log
			[ -z "$upload" ] || request 5001 DELETE "$upload" 0 204
			request 5002 DELETE /v2/trial/manifests/all 0 202
			exit 4
		}

		# The one writes where the other has a tag: with a tag, a registry deletes all that is below it.
		serve 5001 "$root/docker/registry/v2/repositories/trial/_manifests/tags/all"
		serve 5002 "$root"
		digest=$(head -c "$size" /dev/zero | sha256sum)
		digest=sha256:${digest%% *}
		start() {
			request 5001 POST /v2/trial/blobs/uploads/ 0 202 && upload=$(place)
		}
		empty() {
			request 5002 DELETE /v2/trial/manifests/all 0 "$1"
		}

		# A layer needs all rights at once: what lacks one of them is told by an upload without anything in it.
		empty 404 || give_up listing
		start || give_up writing
		request 5001 GET "$upload" 0 204 || give_up reading
		request 5001 DELETE "$upload" 0 204 && upload="" && empty 202 || give_up deleting
		start && request 5001 PATCH "$upload" "$size" 202 || give_up writing
		request 5001 PUT "$(place)&digest=$digest" 0 201 && upload="" || give_up writing
		read=$(wget -q -O - "http://127.0.0.1:5001/v2/trial/blobs/$digest" 2> /dev/null | sha256sum)
		[ "sha256:${read%% *}" = "$digest" ] || give_up reading
		empty 202 || give_up deleting'
	here=$root-$(date +%s)-$$ status=0
	# The folder for the trial's own files has the mode that it has in the image, so it has to be the user's.
	output=$(docker run --rm --network "$network" --user "$owner" --read-only \
		--tmpfs "/tmp:uid=${owner%:*},gid=${owner#*:}" --tmpfs /var/lib/registry \
		--mount "type=bind,source=$directory/releases/$release,target=/etc/private-registry/current,readonly" \
		--env OTEL_TRACES_EXPORTER=none --env SSL_CERT_DIR=/etc/private-registry/current \
		--entrypoint sh "$image" -c "$trial" trial /etc/private-registry/current/config.yml "$here" 2>&1) || status=$?
	case $status in
	0) ;;
	4)
		step=$(printf '%s\n' "$output" | sed -n 's/^step=//p')
		fail "the bucket can't be used, $step failed, and the old registry keeps serving: $(reason)"
		;;
	*)
		fail "the registry does not start with the new image or configuration, the old one keeps serving:" \
			"$(printf '%s\n' "$output" | grep -v -e '^Usage' -e '^Flags' -e '^ ' -e '^$' | tail -n 5)"
		;;
	esac
}

# Prints what the bucket answered, without the words of the registry around it.
reason() {
	printf '%s\n' "$output" | grep -o 's3aws: .*' | tail -n 1 |
		sed 's/","[a-z].*//; s/, request id.*//; s/\\[nt]/ /g; s/\\*"//g' | cut -c 1-600
}

# The registry reads its configuration when it starts: the container is made anew.
put_to_use() {
	:
}

look_at_program() {
	:
}
