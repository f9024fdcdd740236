# Gives files back their modes. Called as: modes key=value...
#   directory=PATH          where the files are
#   aliases=NAME,...        folders beside it with the same
#   file=NAME:MODE:DIGEST   a file

give_back() {
	for file in $files; do
		name=${file%%:*} mode=${file#*:}
		[ ! -f "$1/$name" ] || chmod "${mode%:*}" "$1/$name"
	done
}

main() {
	shift
	directory='' aliases='' files=''
	read_words "$@"
	give_back "$directory"
	while [ -n "$aliases" ]; do
		give_back "${directory%/*}/${aliases%%,*}"
		case $aliases in *,*) aliases=${aliases#*,} ;; *) aliases='' ;; esac
	done
}

set -eu
main "$@"
