#compdef famkit
# Completion of famkit for zsh. It asks famkit itself; where nothing is offered, files are completed.
_famkit() {
  local -a offers
  local word meaning
  while IFS=$'\t' read -r word meaning; do
    offers+=("${word//:/\\:}${meaning:+:$meaning}")
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#offers} )); then
    _describe 'famkit' offers
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_famkit" ]; then
  _famkit "$@"
else
  compdef _famkit famkit
fi
