#include "tests/simulation/world.h"

#include <cmath>

#include "fmt/format.h"

namespace penstock {
namespace {

double SecondsOf(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::FromUnixSeconds(1000));
}

}  // namespace

absl::Duration World::DrawExponential(absl::Duration mean) {
  const double draw = -std::log(1 - random.Uniform());
  return mean == absl::InfiniteDuration() ? mean : mean * draw;
}

void World::Send(const EventQueue::Event& deliver) {
  const int copies = Chance(faults.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (Chance(faults.loss)) continue;
    events.After(Draw(Chance(faults.slow) ? faults.slow_max : faults.delay_max),
                 deliver);
  }
}

void World::Violate(const std::string& what) {
  Trace("VIOLATION " + what);
  if (violation.empty()) {
    violation = fmt::format("at {:.3f} s: {}", SecondsOf(events.now()), what);
  }
}

void World::Print(const std::string& what) const {
  fmt::print("{:9.3f} {}\n", SecondsOf(events.now()), what);
}

}  // namespace penstock
