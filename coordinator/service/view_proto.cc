#include "coordinator/service/view_proto.h"

#include "coordinator/storage/job_record_proto.h"
#include "proto/architecture_proto.h"
#include "proto/job_spec_proto.h"
#include "proto/plan_proto.h"
#include "proto/time_proto.h"

namespace penstock {
namespace {

v1::RankStatus RankToProto(const RankStatus& rank) {
  v1::RankStatus message;
  message.set_replica(rank.replica);
  message.set_rank(rank.rank);
  message.set_worker(rank.place.worker);
  message.set_device(rank.place.device);
  message.set_action(rank.progress.action);
  message.set_microbatch(-1);
  if (rank.state == DeviceState::kRunning) {
    message.set_step(rank.progress.step + 1);
    const absl::StatusOr<Action> action = ParseAction(rank.progress.action);
    if (action.ok()) message.set_microbatch(action->microbatch);
  }
  message.set_resident_bytes(rank.progress.resident_bytes);
  message.set_resident_bytes_peak(rank.progress.resident_bytes_peak);
  return message;
}

}  // namespace

v1::Job JobToProto(const JobView& view) {
  const JobRecord& record = view.record;
  v1::Job message;
  *message.mutable_spec() = JobSpecToProto(record.spec);
  if (const auto* model =
          std::get_if<Architecture>(&record.spec.model.architecture);
      model != nullptr && !record.spec.model.init_from.empty()) {
    SetArchitecture(*model, message);
  }
  message.set_state(JobStateToProto(record.state));
  message.set_reason(record.reason);
  *message.mutable_submit_time() = TimeToProto(record.submit_time);
  *message.mutable_transition_time() = TimeToProto(record.transition_time);
  message.set_revision(record.revision);
  message.set_epoch(record.epoch);
  message.set_step(record.step);
  if (record.plan != nullptr) {
    *message.mutable_plan() = PlanToProto(*record.plan);
  }
  message.set_checkpoint(record.checkpoint.checkpoint);
  message.set_recoveries(record.recoveries);
  for (const RevisionRecord& revision : record.revisions) {
    *message.add_revisions() = RevisionToProto(revision);
  }
  for (const RankStatus& rank : view.ranks) {
    *message.add_ranks() = RankToProto(rank);
  }
  return message;
}

v1::Worker WorkerToProto(const WorkerView& view, absl::Time now) {
  const PoolWorker& worker = view.worker;
  v1::Worker message;
  message.set_name(view.name);
  message.set_incarnation(worker.incarnation);
  message.set_connected(worker.connected);
  message.set_draining(worker.draining);
  message.set_seconds_since_report(
      absl::ToDoubleSeconds(now - worker.report_time));
  message.set_version(worker.version);
  for (size_t i = 0; i < worker.devices.size(); ++i) {
    const DeviceShape& shape = worker.devices[i].report.shape;
    v1::Device* device = message.add_devices();
    device->set_index(static_cast<int>(i));
    device->set_kind(shape.kind);
    device->set_memory_bytes(shape.memory_bytes);
    device->set_flops_per_second(shape.flops_per_second);
    if (i < view.jobs.size()) device->set_job(view.jobs[i]);
  }
  return message;
}

}  // namespace penstock
