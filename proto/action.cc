#include "proto/action.h"

#include <array>
#include <charconv>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct KindName {
  ActionKind kind;
  std::string_view name;
  bool has_stage = true;
  bool has_microbatch = true;
};

constexpr std::array<KindName, 11> kKinds = {{
    {ActionKind::kForward, "F"},
    {ActionKind::kBackward, "B"},
    {ActionKind::kBackwardInput, "I"},
    {ActionKind::kBackwardWeight, "W"},
    {ActionKind::kSendForward, "SEND_F"},
    {ActionKind::kReceiveForward, "RECV_F"},
    {ActionKind::kSendBackward, "SEND_B"},
    {ActionKind::kReceiveBackward, "RECV_B"},
    {ActionKind::kReduceGradient, "REDUCE_GRAD", true, false},
    {ActionKind::kReduceTied, "REDUCE_TIED", true, false},
    {ActionKind::kOptimizer, "OPTIMIZER", false, false},
}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes the decimal number without leading zeros that `text` starts with.
bool TakeNumber(std::string_view& text, int& number) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  const size_t length = static_cast<size_t>(end - text.data());
  if (error != std::errc() || !IsDigit(text[0])) return false;
  if (length > 1 && text[0] == '0') return false;
  text.remove_prefix(length);
  return true;
}

}  // namespace

bool IsCompute(ActionKind kind) { return kind <= ActionKind::kBackwardWeight; }

bool IsSend(ActionKind kind) {
  return kind == ActionKind::kSendForward || kind == ActionKind::kSendBackward;
}

bool IsReceive(ActionKind kind) {
  return kind == ActionKind::kReceiveForward ||
         kind == ActionKind::kReceiveBackward;
}

std::string ToString(const Action& action) {
  const KindName& kind = kKinds[static_cast<size_t>(action.kind)];
  return fmt::format(
      "{}{}{}", kind.has_stage ? fmt::to_string(action.stage) : "", kind.name,
      kind.has_microbatch ? fmt::to_string(action.microbatch) : "");
}

absl::StatusOr<Action> ParseAction(std::string_view text) {
  const auto error = absl::InvalidArgumentError(fmt::format(
      "\"{}\" is not an action such as 2F0, 1SEND_F3 or 0REDUCE_GRAD", text));
  Action action{.stage = -1, .microbatch = -1};
  const bool has_stage = TakeNumber(text, action.stage);
  size_t length = text.size();
  while (length > 0 && IsDigit(text[length - 1])) --length;
  for (const KindName& kind : kKinds) {
    if (kind.name != text.substr(0, length)) continue;
    text.remove_prefix(length);
    const bool has_microbatch = TakeNumber(text, action.microbatch);
    if (!text.empty() || kind.has_stage != has_stage ||
        kind.has_microbatch != has_microbatch) {
      return error;
    }
    action.kind = kind.kind;
    return action;
  }
  return error;
}

std::string ToString(const std::vector<Action>& program) {
  std::string text;
  for (const Action& action : program) {
    if (!text.empty()) text += ' ';
    text += ToString(action);
  }
  return text;
}

absl::StatusOr<std::vector<Action>> ParseProgram(std::string_view text) {
  std::vector<Action> program;
  while (!text.empty()) {
    const size_t end = text.find(' ');
    ASSIGN_OR_RETURN(const Action action, ParseAction(text.substr(0, end)));
    program.push_back(action);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return program;
}

}  // namespace penstock
