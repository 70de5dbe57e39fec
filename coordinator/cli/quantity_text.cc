#include "coordinator/cli/quantity_text.h"

#include <cmath>
#include <iterator>

#include "fmt/format.h"

namespace penstock {
namespace {

// 1.23, 12.3, 123: three digits.
std::string ThreeDigits(double value) {
  // 9.995 would be rounded to 10.00, 99.95 to 100.0.
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

}  // namespace

std::string BytesText(int64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 0) return "?";
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.5 and more would be printed as 1024.
  while (value >= 1023.5 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", ThreeDigits(value), kUnits[unit]);
}

std::string DurationText(absl::Duration duration) {
  if (duration < absl::ZeroDuration() || duration == absl::InfiniteDuration()) {
    return "?";
  }
  const double us = absl::ToDoubleMicroseconds(duration);
  if (us < 1) return "0 s";
  if (us < 999.5) return ThreeDigits(us) + " us";
  if (us < 999.5e3) return ThreeDigits(us / 1e3) + " ms";
  if (us < 59.95e6) return ThreeDigits(us / 1e6) + " s";
  const int64_t s = std::llround(us / 1e6);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  const int64_t min = s / 60;
  if (min < 24 * 60) return fmt::format("{} h {:02} min", min / 60, min % 60);
  const int64_t h = min / 60;
  return fmt::format("{} d {:02} h", h / 24, h % 24);
}

std::string CountText(double count) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T", "P", "E"};
  if (!std::isfinite(count) || count < 0) return "?";
  if (count < 999.5) return fmt::format("{:.0f}", count);
  size_t unit = 0;
  while (count >= 999.5 && unit + 1 < std::size(kUnits)) {
    count /= 1000;
    ++unit;
  }
  return ThreeDigits(count) + kUnits[unit];
}

std::string PercentText(double fraction) {
  if (!std::isfinite(fraction)) return "?";
  return fmt::format("{:.1f} %", fraction * 100);
}

}  // namespace penstock
