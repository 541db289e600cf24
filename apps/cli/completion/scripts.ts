// SPDX-License-Identifier: Apache-2.0
// What each shell runs to complete a line: it asks this program, which prints a word, a tab and what it means, by line.

export const shells = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = (typeof shells)[number];

/** How the scripts ask. */
export const askCommand = "__complete";

/** Bash takes a line apart at colons and equal signs too; so the line is read anew, and what is before them taken off. */
const bash = `# bash completion: source <(cilium completion bash)
_cilium() {
  local line="\${COMP_LINE:0:COMP_POINT}" words word prefix IFS=$' \\t\\n'
  read -ra words <<< "$line"
  case "$line" in *[[:space:]]) words+=("") ;; esac
  local current="\${words[\${#words[@]} - 1]}"
  prefix="\${current%"\${current##*[:=]}"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    COMPREPLY+=("\${word#"$prefix"}")
  done < <("\${words[0]}" completion ${askCommand} -- "\${words[@]:1}" 2> /dev/null)
  case "\${COMPREPLY[*]}" in *=) compopt -o nospace 2> /dev/null ;; esac
}
complete -o default -o nosort -F _cilium cilium cilium-dbg
`;

const zsh = `#compdef cilium cilium-dbg
# zsh completion: source <(cilium completion zsh)
_cilium() {
  local -a described
  local line word
  for line in "\${(@f)$("\${words[1]}" completion ${askCommand} -- "\${(@)words[2,CURRENT]}" 2> /dev/null)}"; do
    [[ -z "$line" ]] && continue
    word="\${line%%$'\\t'*}"
    described+=("\${word//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#described} > 0 )); then
    _describe -V 'cilium' described
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == "_cilium" ]]; then
  _cilium "$@"
elif (( $+functions[compdef] )); then
  compdef _cilium cilium cilium-dbg
fi
`;

const fish = `# fish completion: cilium completion fish | source
function __cilium_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process) (commandline --current-token --cut-at-cursor)
    command $words[1] completion ${askCommand} -- $words[2..-1] 2>/dev/null
end
complete --command cilium --no-files --keep-order --arguments '(__cilium_complete)'
complete --command cilium-dbg --no-files --keep-order --arguments '(__cilium_complete)'
`;

const powershell = `# PowerShell completion: cilium completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName @('cilium', 'cilium-dbg') -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    $program, $rest = $words
    & $program completion ${askCommand} -- @rest $wordToComplete 2>$null | ForEach-Object {
        $word, $about = $_ -split "\`t", 2
        if (-not $about) { $about = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $about)
    }
}
`;

/** By shell. */
export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish, powershell };
