#include "coordinator/cli/interrupt.h"

namespace penstock {
namespace {

// The only type that a handler may write.
volatile std::sig_atomic_t interrupts = 0;

void Remember(int /*signal*/) { interrupts = 1; }

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupts = 0;
  struct sigaction action = {};
  action.sa_handler = Remember;
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, &before_);
}

InterruptGuard::~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }

bool InterruptGuard::interrupted() const { return interrupts != 0; }

}  // namespace penstock
