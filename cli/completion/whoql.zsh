#compdef whoql
# Completion of whoql's words for zsh. In ~/.zshrc, behind compinit:
#   source <(whoql completion zsh)

_whoql() {
	local word help tab=$'\t'
	local -a plain open
	for line in "${(@f)$("${words[1]}" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		word=${line%%$tab*}
		help=${line#*$tab}
		case $word in
		'') ;;
		:files)
			[[ ${words[CURRENT]} == *=* ]] && compset -P '*='
			_files
			;;
		*=) open+=("${word//:/\\:}:$help") ;;
		*) plain+=("${word//:/\\:}:$help") ;;
		esac
	done
	[[ $#plain -gt 0 ]] && _describe whoql plain
	[[ $#open -gt 0 ]] && _describe whoql open -S ''
	return 0
}

compdef _whoql whoql
