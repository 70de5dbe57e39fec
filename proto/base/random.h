#ifndef PROTO_BASE_RANDOM_H_
#define PROTO_BASE_RANDOM_H_

#include <cstdint>

namespace penstock {

// A good 64-bit mix of `x` (splitmix64's finalizer, Steele et al. 2014). Equal
// on every machine, unlike the standard library's distributions.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// A seeded sequence of random numbers. Thread-compatible.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return Mix64(state_++); }

  // Uniform in [0, n); n >= 1. The bias is below n / 2^64.
  uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * n) >>
                                 64);
  }

  // Uniform in [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace penstock

#endif  // PROTO_BASE_RANDOM_H_
