#ifndef PROTO_FILE_CHECKSUM_H_
#define PROTO_FILE_CHECKSUM_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>

struct XXH3_state_s;

namespace penstock {

// XXH3-128 of a sequence of bytes: finds damage, does not resist an attacker.
// Thread-compatible.
class Checksum {
 public:
  Checksum();

  void Update(std::span<const std::byte> bytes);

  // Of all bytes so far, in 32 hexadecimal digits as xxh128sum prints it.
  std::string Hex() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };

  std::unique_ptr<XXH3_state_s, Free> state_;
};

std::string ChecksumOf(std::span<const std::byte> bytes);

}  // namespace penstock

#endif  // PROTO_FILE_CHECKSUM_H_
