# Completion of ringctl for bash.
_ringctl() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    case $previous in
    -t | --token-file) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    -a | --address | key | join) COMPREPLY=() ;;
    repair) mapfile -t COMPREPLY < <(compgen -W "all" -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "status ring key join config wait hints antientropy repair verify
        --address --json --token-file --help --version" -- "$word") ;;
    esac
}
complete -F _ringctl ringctl
