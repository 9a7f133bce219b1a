# Completion of ringctl for bash.
_ringctl() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    case $previous in
    -t | --token-file) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    -a | --address | key | join) COMPREPLY=() ;;
    *) mapfile -t COMPREPLY < <(compgen -W "status ring key join config wait
        --address --json --token-file --help --version" -- "$word") ;;
    esac
}
complete -F _ringctl ringctl
