# Completion of famkit for fish. It asks famkit itself; where nothing is offered, files are completed.
function __famkit_offers
    set -l words (commandline -opc) (commandline -ct)
    set -l offers (command $words[1] __complete $words[2..-1] 2>/dev/null)
    if test (count $offers) -gt 0
        printf '%s\n' $offers
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c famkit -f -a '(__famkit_offers)'
