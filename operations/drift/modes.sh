# Gives files back their modes. Called as: modes key=value...
#   directory=PATH          where the files are
#   file=NAME:MODE:DIGEST   a file

main() {
	shift
	directory='' files=''
	read_words "$@"
	for file in $files; do
		name=${file%%:*} mode=${file#*:}
		[ ! -f "$directory/$name" ] || chmod "${mode%:*}" "$directory/$name"
	done
}

set -eu
main "$@"
