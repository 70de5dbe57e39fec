#ifndef COORDINATOR_CLI_GOLDEN_H_
#define COORDINATOR_CLI_GOLDEN_H_

#include <string>

namespace penstock {

// Expects `text` to be the content of tests/golden/cli/<name>.txt. With
// PENSTOCK_REWRITE=<root of the source tree> it becomes that instead; only
// commit the change if you understand what caused it.
void ExpectGolden(const std::string& name, const std::string& text);

}  // namespace penstock

#endif  // COORDINATOR_CLI_GOLDEN_H_
