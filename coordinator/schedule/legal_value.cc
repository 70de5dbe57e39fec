#include "coordinator/schedule/legal_value.h"

#include <limits>
#include <string>

#include "fmt/format.h"

namespace penstock {
namespace {

// Far beyond the period of any rule; rules repeat with the number of ranks.
constexpr int kDistanceMax = 1 << 18;

// The first legal value from `value` on by `step`, 0 when there is none near.
int Nearest(int value, int step, const std::function<bool(int)>& legal) {
  for (int distance = 1; distance <= kDistanceMax; ++distance) {
    if (step > 0 && value == std::numeric_limits<int>::max()) return 0;
    value += step;
    if (value < 1) return 0;
    if (legal(value)) return value;
  }
  return 0;
}

}  // namespace

absl::Status RequireLegal(std::string_view schedule, std::string_view field,
                          int value, std::string_view rule,
                          const std::function<bool(int)>& legal) {
  if (legal(value)) return absl::OkStatus();
  const int below = Nearest(value, -1, legal);
  const int above = Nearest(value, 1, legal);
  std::string nearest;
  if (below > 0) nearest = fmt::to_string(below);
  if (above > 0) {
    nearest += fmt::format("{}{}", nearest.empty() ? "" : " or ", above);
  }
  return absl::InvalidArgumentError(
      fmt::format("{}: {} is {}, but must be {}{}{}", schedule, field, value,
                  rule, nearest.empty() ? "" : "; nearest legal: ", nearest));
}

}  // namespace penstock
