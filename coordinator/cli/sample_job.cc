#include "coordinator/cli/sample_job.h"

#include <string>
#include <vector>

namespace penstock {
namespace {

constexpr int64_t kNoon = 1769860800;  // 2026-01-31T12:00:00Z.

void AddStage(v1::Plan& plan, int64_t unit_begin, int64_t unit_end,
              const std::string& description) {
  v1::StagePlan& stage = *plan.add_stages();
  stage.set_unit_begin(unit_begin);
  stage.set_unit_end(unit_end);
  stage.set_rank(plan.stages_size() - 1);
  stage.set_description(description);
  stage.mutable_forward()->set_nanos(12'400'000);
  stage.mutable_input_gradient()->set_nanos(12'000'000);
  stage.mutable_weight_gradient()->set_nanos(11'100'000);
}

void AddRank(v1::Job& job, const std::string& program,
             const std::string& worker) {
  v1::RankPlan& plan = *job.mutable_plan()->add_ranks();
  plan.set_program(program);
  v1::MemoryForecast& memory = *plan.mutable_memory();
  memory.set_weights(13 << 20);
  memory.set_gradients(13 << 20);
  memory.set_optimizer(26 << 20);
  memory.set_activations(100 << 20);
  memory.set_buffers(4 << 20);
  memory.set_workspace(6 << 20);
  memory.set_checkpoint(39 << 20);
  memory.set_process(60 << 20);
  memory.set_total(261 << 20);
  v1::RankStatus& status = *job.add_ranks();
  status.set_rank(job.ranks_size() - 1);
  status.set_worker(worker);
  status.set_step(181);
  status.set_action(worker == "worker-0" ? "0B1" : "");
  status.set_microbatch(1);
  status.set_resident_bytes(240 << 20);
  status.set_resident_bytes_peak(250 << 20);
}

v1::StepTrace MakeTrace(int64_t step, int rank, int64_t start_us,
                        const std::vector<uint32_t>& times_us) {
  v1::StepTrace trace;
  trace.set_step(step);
  trace.set_rank(rank);
  trace.set_start_us(start_us);
  for (size_t i = 0; i < times_us.size(); i += 2) {
    trace.add_begin_us(times_us[i]);
    trace.add_end_us(times_us[i + 1]);
  }
  return trace;
}

void AddWorker(v1::ListWorkersResponse& response, const std::string& name,
               const std::string& job) {
  v1::Worker& worker = *response.add_workers();
  worker.set_name(name);
  worker.set_incarnation(7);
  worker.set_connected(true);
  worker.set_version("0.1.0");
  v1::Device& device = *worker.add_devices();
  device.set_kind("cpu");
  device.set_memory_bytes(int64_t{2} << 30);
  device.set_flops_per_second(165e9);
  device.set_job(job);
}

}  // namespace

v1::Job SampleJob() {
  v1::Job job;
  v1::JobSpec& spec = *job.mutable_spec();
  spec.set_name("kjv");
  spec.mutable_model()->mutable_gpt2()->set_layers(8);
  spec.mutable_data()->set_tokens("/data/kjv.bin");
  spec.mutable_batch()->set_micro_batch_size(4);
  spec.mutable_batch()->set_micro_batches(2);
  spec.set_steps(600);
  job.set_state(v1::JOB_STATE_RUNNING);
  job.set_reason("all ranks train");
  job.mutable_submit_time()->set_seconds(kNoon - 125);
  job.mutable_transition_time()->set_seconds(kNoon - 62);
  job.set_revision(41);
  job.set_epoch(1);
  job.set_step(180);
  v1::Plan& plan = *job.mutable_plan();
  AddStage(plan, 0, 5, "embedding, blocks 0-3");
  AddStage(plan, 5, 10, "blocks 4-7, norm, head");
  AddRank(job, "0F0 0SEND_F0 0F1 0SEND_F1 0RECV_B0 0B0 0RECV_B1 0B1 OPTIMIZER",
          "worker-0");
  AddRank(job, "1RECV_F0 1F0 1B0 1SEND_B0 1RECV_F1 1F1 1B1 1SEND_B1 OPTIMIZER",
          "worker-1");
  plan.set_bubble_fraction(1.0 / 3);
  plan.mutable_step_time()->set_nanos(106'500'000);
  plan.set_tokens_per_second(76'900);
  plan.set_schedule("1f1b");
  plan.set_replicas(1);
  job.set_checkpoint("/state/jobs/kjv/step-150");
  job.set_recoveries(1);
  return job;
}

v1::StepMetrics SampleMetrics(int64_t step) {
  v1::StepMetrics metrics;
  metrics.set_step(step);
  metrics.set_loss(3.41 + 1.0 / static_cast<double>(step));
  metrics.set_grad_norm(0.52);
  metrics.set_tokens_per_second(74'200);
  metrics.set_bubble_fraction_measured(0.345);
  metrics.set_bubble_fraction_predicted(1.0 / 3);
  metrics.set_step_seconds(0.1104);
  metrics.set_step_seconds_predicted(0.1065);
  metrics.set_prediction_error(0.1104 / 0.1065 - 1);
  return metrics;
}

v1::GetTraceResponse SampleTrace() {
  v1::GetTraceResponse response;
  *response.mutable_job() = SampleJob();
  *response.add_traces() = MakeTrace(180, 0, 5'000,
                                     {0, 12, 12, 13, 12, 24, 24, 25, 25, 48, 48,
                                      71, 71, 83, 83, 106, 106, 110});
  *response.add_traces() = MakeTrace(
      180, 1, 5'000,
      {0, 13, 13, 25, 25, 48, 48, 49, 25, 26, 48, 60, 60, 83, 83, 84, 84, 90});
  *response.add_planned() = MakeTrace(0, 0, 0,
                                      {0, 12, 12, 13, 12, 24, 24, 25, 25, 48,
                                       48, 71, 71, 83, 83, 106, 106, 107});
  *response.add_planned() = MakeTrace(
      0, 1, 0,
      {0, 13, 13, 25, 25, 48, 48, 49, 25, 26, 48, 60, 60, 83, 83, 84, 84, 85});
  return response;
}

v1::ListWorkersResponse SampleWorkers() {
  v1::ListWorkersResponse response;
  AddWorker(response, "worker-0", "kjv");
  AddWorker(response, "worker-1", "");
  response.mutable_workers(1)->set_draining(true);
  AddWorker(response, "worker-2", "");
  response.mutable_workers(2)->set_connected(false);
  response.mutable_workers(2)->set_seconds_since_report(61);
  return response;
}

}  // namespace penstock
