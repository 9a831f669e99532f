# Completion of whoql's words for PowerShell. In the file that $PROFILE names:
#   whoql completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName whoql -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        Select-Object -Skip 1 | ForEach-Object { $_.ToString().Trim("'", '"') })
    # An empty argument gets lost on its way to a program, so that the last word is given by name.
    & $commandAst.CommandElements[0].ToString() __complete "--word=$wordToComplete" -- @words 2>$null | ForEach-Object {
        $word, $help = $_ -split "`t", 2
        if ($word -ne ':files') {
            if (-not $help) { $help = $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $help)
        }
    }
}
