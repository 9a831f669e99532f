# Completion of whoql's words for zsh. In ~/.zshrc, behind compinit:
#   eval "$(whoql completion zsh)"

_whoql() {
	local line word tab=$'\t'
	local -a found
	for line in "${(@f)$("${words[1]}" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		word=${line%%$tab*}
		case $word in
		'') ;;
		:files)
			compset -P '*='
			_files
			;;
		*)
			if [[ $line == *$tab* ]]; then
				found+=("${word//:/\\:}:${line#*$tab}")
			else
				found+=("${word//:/\\:}")
			fi
			;;
		esac
	done
	if [[ $#found -gt 0 ]]; then
		_describe whoql found
	fi
}

compdef _whoql whoql
