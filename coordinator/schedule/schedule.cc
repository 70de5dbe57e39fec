#include "coordinator/schedule/schedule.h"

namespace penstock {

std::string ToString(const Schedule& schedule) {
  std::string text;
  for (const std::vector<Action>& program : schedule.programs) {
    text += ToString(program);
    text += '\n';
  }
  return text;
}

}  // namespace penstock
