#include "coordinator/service/request_checks.h"

#include <chrono>

#include "fmt/format.h"

namespace penstock {
namespace {

// Both clocks and the transfer may be off by a little.
constexpr absl::Duration kTolerance = absl::Seconds(5);

}  // namespace

absl::Status CheckDeadline(const grpc::ServerContext& context) {
  const absl::Duration left =
      absl::FromChrono(context.deadline() - std::chrono::system_clock::now());
  if (left <= kDeadlineMax + kTolerance) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("deadline: {}: give this call a deadline of at most {} s",
                  left > absl::Hours(24 * 365)
                      ? std::string("none")
                      : fmt::format("{:.0f} s", absl::ToDoubleSeconds(left)),
                  absl::ToInt64Seconds(kDeadlineMax)));
}

absl::Status CheckGiven(std::string_view field, std::string_view value) {
  if (!value.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: empty: it is required", field));
}

}  // namespace penstock
