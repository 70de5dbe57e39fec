#include "coordinator/cli/completion_command.h"

#include <ostream>

#include "coordinator/cli/exit_code.h"
#include "fmt/format.h"

namespace penstock {
namespace {

// Words are looked up by the commands typed so far: "job submit". What follows
// a flag that takes a file is left to bash.
constexpr char kScript[] = R"bash(# bash completion of penstock. To use it:
#   source <(penstock completion bash)
_penstock_words() {{
  case "$1" in
{cases}  esac
}}
_penstock() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" path="" word words
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case " $(_penstock_words "$path") " in
      *" $word "*) [[ "$word" == -* ]] || path="${{path:+$path }}$word" ;;
    esac
  done
  words="$(_penstock_words "$path")"
  if [[ " $words " == *" NAME "* ]]; then
    words="${{words/ NAME/}}"
    if [[ "$path" == "job "* ]]; then
      words+=" $(penstock job list 2>/dev/null | awk 'NR > 1 {{print $1}}')"
    fi
  fi
  case "${{COMP_WORDS[COMP_CWORD-1]}}" in
    --schedule) words="$(penstock schedule list --names 2>/dev/null)" ;;
    --placement) words="loop v wave bidirectional" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _penstock penstock
)bash";

// One line of the table per command.
void AddCases(const CLI::App& app, const std::string& path,
              std::string& cases) {
  std::string words;
  for (const CLI::App* command : app.get_subcommands({})) {
    words += " " + command->get_name();
    const std::string below =
        path.empty() ? command->get_name() : path + " " + command->get_name();
    AddCases(*command, below, cases);
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words += " --" + name;
    for (const std::string& name : option->get_snames()) words += " -" + name;
    if (option->get_positional()) words += " " + option->get_name();
  }
  cases += fmt::format("    \"{}\") echo \"{}\" ;;\n", path,
                       words.empty() ? "" : words.substr(1));
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string cases;
  AddCases(app, "", cases);
  return fmt::format(kScript, fmt::arg("cases", cases));
}

void AddCompletionCommand(CLI::App& app, Context& context) {
  CLI::App& completion =
      *app.add_subcommand("completion", "Print a completion script");
  completion.require_subcommand(1);
  CLI::App& bash = *completion.add_subcommand(
      "bash", "For: source <(penstock completion bash)");
  bash.callback([&app, &context] {
    context.run = [&app, &context]() -> absl::StatusOr<int> {
      context.console.out << BashCompletion(app);
      return kExitOk;
    };
  });
}

}  // namespace penstock
