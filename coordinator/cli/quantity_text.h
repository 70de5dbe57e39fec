#ifndef COORDINATOR_CLI_QUANTITY_TEXT_H_
#define COORDINATOR_CLI_QUANTITY_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace penstock {

// Sizes, times and rates as a person reads them: three digits and a unit.

// "0 B", "1023 B", "1.00 KiB", "312 MiB", "8.00 GiB".
std::string BytesText(int64_t bytes);

// "0 s", "12.4 ms", "1.32 s", "2 min 05 s", "3 h 20 min", "2 d 04 h". A
// negative or infinite one is "?".
std::string DurationText(absl::Duration duration);

// "950", "33.1k", "1.20M", "120G".
std::string CountText(double count);

// A fraction as "11.1 %".
std::string PercentText(double fraction);

}  // namespace penstock

#endif  // COORDINATOR_CLI_QUANTITY_TEXT_H_
