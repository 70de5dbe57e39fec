#ifndef PROTO_TIME_PROTO_H_
#define PROTO_TIME_PROTO_H_

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace penstock {

// Whole nanoseconds are kept; what a message cannot hold (infinite times) is
// beyond what callers have.
inline google::protobuf::Timestamp TimeToProto(absl::Time time) {
  google::protobuf::Timestamp message;
  const int64_t nanoseconds = absl::ToUnixNanos(time);
  const int64_t seconds = absl::ToUnixSeconds(time);
  message.set_seconds(seconds);
  message.set_nanos(
      static_cast<int32_t>(nanoseconds - seconds * 1'000'000'000));
  return message;
}

inline absl::Time TimeFromProto(const google::protobuf::Timestamp& message) {
  return absl::FromUnixSeconds(message.seconds()) +
         absl::Nanoseconds(message.nanos());
}

}  // namespace penstock

#endif  // PROTO_TIME_PROTO_H_
