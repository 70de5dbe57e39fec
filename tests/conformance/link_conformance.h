#ifndef TESTS_CONFORMANCE_LINK_CONFORMANCE_H_
#define TESTS_CONFORMANCE_LINK_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "worker/link/link.h"

namespace penstock {

// Makes connected links for peers 0 to n - 1, named "rank <i>" in errors.
struct LinkFactory {
  std::string name;
  std::function<std::vector<std::unique_ptr<Link>>(int peers)> make;

  // For gtest's messages.
  friend void PrintTo(const LinkFactory& factory, std::ostream* out) {
    *out << factory.name;
  }
};

// What every implementation of Link promises. A link's test instantiates it.
class LinkConformance : public testing::TestWithParam<LinkFactory> {};

}  // namespace penstock

#endif  // TESTS_CONFORMANCE_LINK_CONFORMANCE_H_
