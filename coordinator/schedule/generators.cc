#include "coordinator/schedule/generators.h"

#include <array>

#include "coordinator/schedule/gpipe.h"
#include "coordinator/schedule/naive.h"
#include "coordinator/schedule/one_forward_one_backward.h"
#include "fmt/format.h"
#include "proto/base/nearest_name.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

struct Generator {
  std::string_view name;
  Schedule (*generate)(const ScheduleRequest& request);
};

constexpr std::array<Generator, kScheduleNames.size()> kGenerators = {{
    {"naive", Naive},
    {"gpipe", GPipe},
    {"1f1b", OneForwardOneBackward},
}};

}  // namespace

absl::StatusOr<Schedule> Generate(std::string_view name,
                                  const ScheduleRequest& request) {
  if (request.ranks < 1 || request.microbatches < 1) {
    return absl::InvalidArgumentError(
        fmt::format("a schedule needs at least one rank and one micro-batch, "
                    "not {} and {}",
                    request.ranks, request.microbatches));
  }
  for (const Generator& generator : kGenerators) {
    if (generator.name == name) return generator.generate(request);
  }
  const std::vector<std::string> names = ScheduleNames();
  const std::string nearest = NearestName(name, names);
  return absl::InvalidArgumentError(fmt::format(
      "no schedule is called \"{}\"; there are {}{}", name,
      fmt::join(names, ", "),
      nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest)));
}

}  // namespace penstock
