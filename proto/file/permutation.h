#ifndef PROTO_FILE_PERMUTATION_H_
#define PROTO_FILE_PERMUTATION_H_

#include <cstdint>

namespace penstock {

// A pseudo-random bijection of [0, size) onto itself, chosen by `seed` and
// evaluated at `index` < `size` <= 2^62 without any table: a Feistel network on
// the next even number of bits, walked until the result is below `size` (Black
// and Rogaway 2002, "Ciphers with arbitrary finite domains"). Fewer than four
// walks on average. Pure; equal on every machine.
uint64_t Permute(uint64_t index, uint64_t size, uint64_t seed);

}  // namespace penstock

#endif  // PROTO_FILE_PERMUTATION_H_
