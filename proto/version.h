#ifndef PROTO_VERSION_H_
#define PROTO_VERSION_H_

namespace penstock {

// Of all binaries of one build. Coordinator and workers must have the same.
inline constexpr char kVersion[] = "0.1.0";

// Initial metadata that the coordinator sends as soon as a worker's stream is
// up, with its version: by it the worker knows that somebody reads its reports.
inline constexpr char kVersionMetadata[] = "penstock-version";

}  // namespace penstock

#endif  // PROTO_VERSION_H_
