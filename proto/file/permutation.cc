#include "proto/file/permutation.h"

#include <algorithm>
#include <bit>

#include "proto/base/check.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

// Four rounds make a pseudo-random permutation of a pseudo-random function
// (Luby and Rackoff 1988); two more smooth the small domains of tests.
constexpr int kRounds = 6;

// A bijection of [0, 2^(2 * half_bits)).
uint64_t Feistel(uint64_t x, int half_bits, uint64_t seed) {
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  uint64_t left = x >> half_bits;
  uint64_t right = x & mask;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t mixed = Mix64(Mix64(seed + round) ^ right);
    const uint64_t next = left ^ (mixed & mask);
    left = right;
    right = next;
  }
  return (left << half_bits) | right;
}

}  // namespace

uint64_t Permute(uint64_t index, uint64_t size, uint64_t seed) {
  PENSTOCK_CHECK(index < size && size <= (uint64_t{1} << 62));
  const int bits = std::bit_width(size - 1);
  const int half_bits = std::max(1, (bits + 1) / 2);
  // Follows the cycle of `index`, which comes back to it, so it ends.
  do {
    index = Feistel(index, half_bits, seed);
  } while (index >= size);
  return index;
}

}  // namespace penstock
