# Gives files back their modes. Called as the script that places them; what is not about a mode is passed over.
#   directory=PATH          where the files are
#   file=NAME:MODE:DIGEST   a file

main() {
	files=''
	for argument; do
		value=${argument#*=}
		case $argument in
		directory=*) directory=$value ;;
		file=*) files="$files ${value%:*}" ;;
		esac
	done
	for file in $files; do
		path=$directory/${file%:*}
		[ ! -f "$path" ] || chmod "${file#*:}" "$path"
	done
}

set -eu
main "$@"
