#include "coordinator/schedule/placement.h"

namespace penstock {
namespace {

int RankOf(Placement placement, int ranks, int round, int place) {
  const bool turned = placement == Placement::kLoop ? false : round % 2 == 1;
  return turned ? ranks - 1 - place : place;
}

}  // namespace

std::vector<int> RankOfStage(Placement placement, int ranks,
                             int stages_per_rank) {
  std::vector<int> rank_of_stage;
  for (int round = 0; round < stages_per_rank; ++round) {
    for (int place = 0; place < ranks; ++place) {
      rank_of_stage.push_back(RankOf(placement, ranks, round, place));
    }
  }
  return rank_of_stage;
}

}  // namespace penstock
