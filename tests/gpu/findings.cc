#include "tests/gpu/findings.h"

#include "fmt/format.h"

namespace penstock::gpu {

void Findings::AtMost(const std::string& name, double value, double limit) {
  Add(name, value <= limit, fmt::format("{:.3g}, limit {:.3g}", value, limit));
}

void Findings::Claim(const std::string& name, bool holds,
                     const std::string& detail) {
  Add(name, holds, detail);
}

void Findings::Note(const std::string& name, const std::string& value) {
  lines_.push_back(fmt::format("  {:44} {}", name, value));
}

void Findings::Add(const std::string& name, bool passed,
                   const std::string& what) {
  ++checked_;
  if (!passed) ++failed_;
  lines_.push_back(fmt::format("{} {:44} {}", passed ? ' ' : '!', name, what));
}

std::string Findings::Text(const std::string& summary) const {
  std::string text;
  for (const std::string& line : lines_) text += line + "\n";
  return text + fmt::format("{}{}{} of {} passed\n", summary,
                            summary.empty() ? "" : "; ", checked_ - failed_,
                            checked_);
}

}  // namespace penstock::gpu
