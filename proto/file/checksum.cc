#include "proto/file/checksum.h"

#include "fmt/format.h"
#include "proto/base/check.h"
#include "xxhash.h"

namespace penstock {

Checksum::Checksum() : state_(XXH3_createState()) {
  PENSTOCK_CHECK(state_ != nullptr);
  XXH3_128bits_reset(state_.get());
}

void Checksum::Update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

std::string Checksum::Hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

void Checksum::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

std::string ChecksumOf(std::span<const std::byte> bytes) {
  Checksum checksum;
  checksum.Update(bytes);
  return checksum.Hex();
}

}  // namespace penstock
