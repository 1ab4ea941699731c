"""The script for PowerShell, of Windows's 5.1 too; files are what it offers by itself."""

from collections.abc import Sequence

from bundler.completion.commands import Command

HEAD = """\
# PowerShell completion of lmfile. For every shell to come: lmfile completion powershell >> $PROFILE

Register-ArgumentCompleter -Native -CommandName lmfile -ScriptBlock {
    param($current, $ast, $position)
    $commands = [ordered]@{
"""
TAIL = """\
    }
    $words = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { "$_" })
    if ($words.Count -le 1) {
        $offered = @($commands.Keys)
    } elseif (-not $commands.Contains($words[1])) {
        return
    } else {
        $command = $commands[$words[1]]
        $previous = $words[-1]
        if ($command.values.Contains($previous)) {
            $offered = $command.values[$previous]
        } elseif ($current -like '-*') {
            $offered = $command.options
        } else {
            $offered = $command.places
        }
    }
    $offered | Where-Object { $_ -like "$current*" } |
        ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
"""


def script(commands: Sequence[Command]) -> str:
    """The whole of it."""
    return HEAD + "".join(map(_table, commands)) + TAIL


def _table(command: Command) -> str:
    names = [name for option in command.options for name in option.names]
    values = {
        name: option.value.words for option in command.options if option.value is not None for name in option.names
    }
    rows = "; ".join(f"'{name}' = {_list(words)}" for name, words in values.items())
    return (
        f"        '{command.name}' = @{{\n"
        f"            options = {_list(names)}\n"
        f"            places = {_list(command.places.words)}\n"
        f"            values = @{{ {rows} }}\n"
        f"        }}\n"
    )


def _list(words: Sequence[str]) -> str:
    return "@(" + ", ".join(f"'{word}'" for word in words) + ")"
