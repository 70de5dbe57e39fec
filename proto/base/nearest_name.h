#ifndef PROTO_BASE_NEAREST_NAME_H_
#define PROTO_BASE_NEAREST_NAME_H_

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// The candidate with the fewest single-letter edits to `name` (Levenshtein
// distance), the first of equals; empty when there is no candidate or the best
// one shares less than half of its letters. For "did you mean".
std::string NearestName(std::string_view name,
                        const std::vector<std::string>& candidates);

}  // namespace penstock

#endif  // PROTO_BASE_NEAREST_NAME_H_
