# Completion of whoql's words for bash. In ~/.bashrc:
#   eval "$(whoql completion bash)"

_whoql() {
	# Bash parts words at = and : as well. Those that stand together in the line belong together.
	local line=${COMP_LINE:0:COMP_POINT} words=() part rest
	for part in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
		rest=${line#"${line%%[![:space:]]*}"}
		if [[ ${#words[@]} -eq 0 || $rest != "$line" || -z $line ]]; then
			words+=("")
		fi
		[[ $rest == "$part"* ]] || part=$rest # the cursor is in the middle of it
		line=${rest:${#part}}
		words[${#words[@]}-1]+=$part
	done
	local word=${words[${#words[@]}-1]} typed=""
	# What stands in front of the last part is there already.
	if [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then
		typed=${word%=*}=
	fi
	COMPREPLY=()
	while IFS=$'\t' read -r part rest; do
		if [[ $part == :files ]]; then
			compopt -o default 2>/dev/null # not in bash 3
			continue
		fi
		COMPREPLY+=("${part#"$typed"}")
	done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
}

complete -F _whoql whoql
