#include "proto/action.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

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

constexpr std::array<KindName, 16> kKinds = {{
    {ActionKind::kForward, "F"},
    {ActionKind::kBackward, "B"},
    {ActionKind::kBackwardInput, "I"},
    {ActionKind::kBackwardWeight, "W"},
    {ActionKind::kRecompute, "R"},
    {ActionKind::kSendForward, "SEND_F"},
    {ActionKind::kReceiveForward, "RECV_F"},
    {ActionKind::kSendBackward, "SEND_B"},
    {ActionKind::kReceiveBackward, "RECV_B"},
    {ActionKind::kReduceGradient, "REDUCE_GRAD", true, false},
    {ActionKind::kReduceTied, "REDUCE_TIED", true, false},
    {ActionKind::kReduceCopy, "REDUCE_COPY", true, false},
    {ActionKind::kUpdate, "UPDATE"},
    {ActionKind::kUnshard, "UNSHARD", true, false},
    {ActionKind::kReshard, "RESHARD", true, false},
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

// Takes `mark` and a number, if `text` starts with the mark; false when no
// number that fits follows it.
template <typename Integer>
bool TakeSuffix(std::string_view& text, char mark, Integer& number) {
  if (text.empty() || text[0] != mark) return true;
  text.remove_prefix(1);
  int value = 0;
  if (!TakeNumber(text, value) || value > std::numeric_limits<Integer>::max()) {
    return false;
  }
  number = static_cast<Integer>(value);
  return true;
}

constexpr std::string_view kOverlap = "OVERLAP_F_B";

// "2F0", or "(4F4;3B0)OVERLAP_F_B", which is two.
absl::Status AppendAction(std::string_view text, std::vector<Action>& program) {
  if (text.empty() || text[0] != '(') {
    ASSIGN_OR_RETURN(program.emplace_back(), ParseAction(text));
    return absl::OkStatus();
  }
  const size_t middle = text.find(';');
  const size_t close = text.find(')');
  if (middle == std::string_view::npos || close == std::string_view::npos ||
      middle > close || text.substr(close + 1) != kOverlap) {
    return absl::InvalidArgumentError(fmt::format(
        "\"{}\" is not a compound action such as (4F4;3B0){}", text, kOverlap));
  }
  ASSIGN_OR_RETURN(Action first, ParseAction(text.substr(1, middle - 1)));
  ASSIGN_OR_RETURN(const Action second,
                   ParseAction(text.substr(middle + 1, close - middle - 1)));
  if (first.kind != ActionKind::kForward ||
      second.kind != ActionKind::kBackward) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" must join an F and a B", text));
  }
  first.overlaps_next = true;
  program.push_back(first);
  program.push_back(second);
  return absl::OkStatus();
}

}  // namespace

bool IsCompute(ActionKind kind) { return kind <= ActionKind::kRecompute; }

bool IsSend(ActionKind kind) {
  return kind == ActionKind::kSendForward || kind == ActionKind::kSendBackward;
}

bool IsReceive(ActionKind kind) {
  return kind == ActionKind::kReceiveForward ||
         kind == ActionKind::kReceiveBackward;
}

std::string ToString(const Action& action) {
  const KindName& kind = kKinds[static_cast<size_t>(action.kind)];
  std::string text = fmt::format(
      "{}{}{}", kind.has_stage ? fmt::to_string(action.stage) : "", kind.name,
      kind.has_microbatch ? fmt::to_string(action.microbatch) : "");
  if (action.piece >= 0) text += fmt::format(".{}", action.piece);
  if (action.version >= 0) text += fmt::format("@{}", action.version);
  return text;
}

absl::StatusOr<Action> ParseAction(std::string_view text) {
  const auto error = absl::InvalidArgumentError(fmt::format(
      "\"{}\" is not an action such as 2F0, 1SEND_F3 or 0REDUCE_GRAD", text));
  Action action{.stage = -1, .microbatch = -1};
  const bool has_stage = TakeNumber(text, action.stage);
  const size_t length = std::min(text.find_first_of("0123456789"), text.size());
  const std::string_view name = text.substr(0, length);
  text.remove_prefix(length);
  for (const KindName& kind : kKinds) {
    if (kind.name != name) continue;
    action.kind = kind.kind;
    const bool has_microbatch = TakeNumber(text, action.microbatch);
    if (kind.has_stage != has_stage || kind.has_microbatch != has_microbatch ||
        !TakeSuffix(text, '.', action.piece) ||
        !TakeSuffix(text, '@', action.version) || !text.empty()) {
      return error;
    }
    return action;
  }
  return error;
}

std::string ToString(const std::vector<Action>& program) {
  std::string text;
  for (size_t i = 0; i < program.size(); ++i) {
    if (i > 0) text += ' ';
    if (program[i].overlaps_next && i + 1 < program.size()) {
      text += fmt::format("({};{}){}", ToString(program[i]),
                          ToString(program[i + 1]), kOverlap);
      ++i;
    } else {
      text += ToString(program[i]);
    }
  }
  return text;
}

absl::StatusOr<std::vector<Action>> ParseProgram(std::string_view text) {
  std::vector<Action> program;
  while (!text.empty()) {
    const size_t end = text.find(' ');
    RETURN_IF_ERROR(AppendAction(text.substr(0, end), program));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.empty()) return absl::InvalidArgumentError("ends with a space");
  }
  return program;
}

}  // namespace penstock
