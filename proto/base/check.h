#ifndef PROTO_BASE_CHECK_H_
#define PROTO_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

// Ends the process when an invariant of ours is broken. Never for input: what a
// user, a file or a peer can cause is an absl::Status.
#define PENSTOCK_CHECK(condition)                                     \
  do {                                                                \
    if (!(condition)) {                                               \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, \
                   __LINE__, #condition);                             \
      std::abort();                                                   \
    }                                                                 \
  } while (false)

#endif  // PROTO_BASE_CHECK_H_
