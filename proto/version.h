#ifndef PROTO_VERSION_H_
#define PROTO_VERSION_H_

namespace penstock {

// Of all binaries of one build. Coordinator and workers must have the same.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace penstock

#endif  // PROTO_VERSION_H_
