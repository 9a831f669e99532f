# Completion of whoql's words for fish, 3.0 or later:
#   whoql completion fish > ~/.config/fish/completions/whoql.fish

function __whoql_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    for line in ($program __complete -- $words "$word" 2>/dev/null)
        if test "$line" = :files
            set -l typed (string match -r '^.*=' -- $word)
            for file in (__fish_complete_path (string replace -r '^.*=' '' -- $word))
                echo "$typed$file"
            end
        else
            echo $line
        end
    end
end

complete -c whoql -f -a '(__whoql_complete)'
