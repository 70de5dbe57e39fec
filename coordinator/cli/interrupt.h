#ifndef COORDINATOR_CLI_INTERRUPT_H_
#define COORDINATOR_CLI_INTERRUPT_H_

#include <csignal>

namespace penstock {

// While it lives, the first Ctrl-C is remembered instead of ending the process;
// a second one ends it as usual. At most one at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool interrupted() const;

 private:
  struct sigaction before_;
};

}  // namespace penstock

#endif  // COORDINATOR_CLI_INTERRUPT_H_
