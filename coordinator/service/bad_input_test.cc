// What a client, a worker or an operator can do wrong, and the exact part of
// the message that says what to do about it.

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <filesystem>

#include "coordinator/service/service_fixture.h"
#include "proto/base/file.h"
#include "proto/file/manifest.h"
#include "proto/rpc/channel.h"

namespace penstock {
namespace {

class BadInputTest : public ServiceTest {
 protected:
  BadInputTest() { StartServer(); }

  void ExpectRefused(const grpc::Status& status, grpc::StatusCode code,
                     const std::string& text) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_NE(status.error_message().find(text), std::string::npos)
        << status.error_message();
    v1::ListResponse list;
    ASSERT_TRUE(jobs_->List(NewContext().get(), {}, &list).ok());
    EXPECT_EQ(list.jobs_size(), jobs_expected_);
  }

  grpc::Status Submit(const v1::JobSpec& spec) {
    v1::Job job;
    return ServiceTest::Submit("id", spec, &job);
  }

  int jobs_expected_ = 0;
};

TEST_F(BadInputTest, NegativeSize) {
  v1::JobSpec spec = SimJob("sim");
  spec.mutable_model()->mutable_sim()->set_layers(-1);
  ExpectRefused(Submit(spec), grpc::StatusCode::INVALID_ARGUMENT,
                "model.sim.layers: -1");
}

TEST_F(BadInputTest, HugeSize) {
  v1::JobSpec spec = Gpt2Job("big", WriteData("t.bin", std::string(64, 'a')));
  spec.mutable_model()->mutable_gpt2()->set_hidden(int64_t{1} << 40);
  ExpectRefused(Submit(spec), grpc::StatusCode::INVALID_ARGUMENT,
                "model.gpt2.hidden: 1099511627776");
}

TEST_F(BadInputTest, HeadsThatDoNotDivide) {
  v1::JobSpec spec = Gpt2Job("odd", WriteData("t.bin", std::string(64, 'a')));
  spec.mutable_model()->mutable_gpt2()->set_heads(3);
  ExpectRefused(Submit(spec), grpc::StatusCode::INVALID_ARGUMENT, "heads");
}

TEST_F(BadInputTest, MoreStagesThanLayers) {
  first_ = std::make_unique<FakeWorker>(channel_, "w1");
  ASSERT_TRUE(first_->Report());
  v1::JobSpec spec = SimJob("sim");
  spec.mutable_parallelism()->set_pipeline(5);
  ExpectRefused(Submit(spec), grpc::StatusCode::INVALID_ARGUMENT,
                "parallelism.pipeline: 5");
}

TEST_F(BadInputTest, MissingTokenFile) {
  ExpectRefused(Submit(Gpt2Job("job", directory_ + "/data/none.bin")),
                grpc::StatusCode::NOT_FOUND, "data.tokens: ");
}

TEST_F(BadInputTest, TokenFileThatIsTooShort) {
  const std::string path = WriteData("short.bin", std::string(8, '\0'));
  ExpectRefused(Submit(Gpt2Job("job", path)),
                grpc::StatusCode::INVALID_ARGUMENT, "data.tokens: " + path);
}

TEST_F(BadInputTest, TruncatedTokenFile) {
  const std::string path = WriteData("odd.bin", std::string(65, '\0'));
  ExpectRefused(Submit(Gpt2Job("job", path)),
                grpc::StatusCode::INVALID_ARGUMENT, "odd.bin: truncated: 65");
}

TEST_F(BadInputTest, TokenOutsideTheVocabulary) {
  const std::string path = WriteData("big.bin", std::string(64, '\x7f'));
  ExpectRefused(Submit(Gpt2Job("job", path)),
                grpc::StatusCode::INVALID_ARGUMENT, "32639");
}

TEST_F(BadInputTest, DataPathOutsideTheRoots) {
  ExpectRefused(Submit(Gpt2Job("job", "/etc/hostname")),
                grpc::StatusCode::PERMISSION_DENIED, directory_ + "/data");
}

TEST_F(BadInputTest, DataPathThatClimbsOutOfTheRoots) {
  ExpectRefused(Submit(Gpt2Job("job", directory_ + "/data/../secret")),
                grpc::StatusCode::PERMISSION_DENIED, directory_ + "/data");
}

TEST_F(BadInputTest, CheckpointPathOutsideTheRoots) {
  v1::JobSpec spec = Gpt2Job("job", WriteData("t.bin", std::string(64, '\0')));
  spec.mutable_checkpoint()->set_resume_from("/etc");
  ExpectRefused(Submit(spec), grpc::StatusCode::PERMISSION_DENIED,
                "checkpoint.resume_from: ");
}

TEST_F(BadInputTest, ModelPathOutsideTheRoots) {
  v1::JobSpec spec = Gpt2Job("job", WriteData("t.bin", std::string(64, '\0')));
  spec.mutable_model()->set_init_from("/etc");
  ExpectRefused(Submit(spec), grpc::StatusCode::PERMISSION_DENIED,
                "model.init_from: ");
}

TEST_F(BadInputTest, CheckpointOfAnotherModel) {
  v1::JobSpec spec = Gpt2Job("job", WriteData("t.bin", std::string(64, '\0')));
  const Manifest manifest = {.job = "before",
                             .epoch = 1,
                             .step = 1,
                             .model = Gpt2Config{.layers = 5,
                                                 .hidden = 16,
                                                 .heads = 2,
                                                 .sequence_length = 8,
                                                 .vocabulary = 256}};
  std::filesystem::create_directory(directory_ + "/data/other");
  WriteData("other/manifest.json", ManifestToJson(manifest));
  spec.mutable_checkpoint()->set_resume_from(directory_ + "/data/other");
  ExpectRefused(Submit(spec), grpc::StatusCode::INVALID_ARGUMENT,
                "a checkpoint of another model (model gpt2, layers 5");
}

TEST_F(BadInputTest, MoreStreamsThanAreKept) {
  RunJob("sim");
  jobs_expected_ = 1;
  v1::WatchRequest request;
  request.set_name("sim");
  struct Stream {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::Job>> reader;
  };
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 64; ++i) {
    Stream& stream = *streams.emplace_back(std::make_unique<Stream>());
    WithDeadline(stream.context, absl::Seconds(60));
    stream.reader = jobs_->Watch(&stream.context, request);
    v1::Job job;
    ASSERT_TRUE(stream.reader->Read(&job)) << i;
  }
  const auto context = NewContext();
  const auto surplus = jobs_->Watch(context.get(), request);
  v1::Job job;
  EXPECT_FALSE(surplus->Read(&job));
  ExpectRefused(surplus->Finish(), grpc::StatusCode::RESOURCE_EXHAUSTED,
                "64 streams of Watch, WatchMetrics and ReadLogs are open");
  EXPECT_TRUE(first_->Report());
  for (const auto& stream : streams) stream->context.TryCancel();
}

TEST_F(BadInputTest, RelativePath) {
  ExpectRefused(Submit(Gpt2Job("job", "kjv.bin")),
                grpc::StatusCode::INVALID_ARGUMENT, "data.tokens: ");
}

TEST_F(BadInputTest, ModelDirectoryWithoutConfig) {
  v1::JobSpec spec = Gpt2Job("job", WriteData("t.bin", std::string(64, '\0')));
  spec.mutable_model()->set_init_from(directory_ + "/data");
  ExpectRefused(Submit(spec), grpc::StatusCode::NOT_FOUND, "config.json");
}

TEST_F(BadInputTest, DuplicateName) {
  RunJob("sim");
  jobs_expected_ = 1;
  ExpectRefused(Submit(SimJob("sim")), grpc::StatusCode::ALREADY_EXISTS, "sim");
}

TEST_F(BadInputTest, UnknownJobProposesTheNearest) {
  RunJob("shakespeare");
  jobs_expected_ = 1;
  v1::Job job;
  ExpectRefused(Get("shakespear", &job), grpc::StatusCode::NOT_FOUND,
                "shakespeare");
}

TEST_F(BadInputTest, NoDeadline) {
  grpc::ClientContext context;
  v1::GetRequest request;
  request.set_name("sim");
  v1::Job job;
  ExpectRefused(jobs_->Get(&context, request, &job),
                grpc::StatusCode::INVALID_ARGUMENT, "deadline: none");
}

TEST_F(BadInputTest, DeadlineBeyondAMinute) {
  grpc::ClientContext context;
  WithDeadline(context, absl::Seconds(300));
  v1::GetRequest request;
  request.set_name("sim");
  v1::Job job;
  ExpectRefused(jobs_->Get(&context, request, &job),
                grpc::StatusCode::INVALID_ARGUMENT, "at most 60 s");
}

TEST_F(BadInputTest, MessageOverTheLimit) {
  v1::GetRequest request;
  request.set_name(std::string(5 << 20, 'x'));
  v1::Job job;
  ExpectRefused(jobs_->Get(NewContext().get(), request, &job),
                grpc::StatusCode::RESOURCE_EXHAUSTED, "larger than max");
}

TEST_F(BadInputTest, GarbageOnThePortLeavesTheServiceServing) {
  const FileDescriptor connection(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string served = server_->address();
  address.sin_port = htons(
      static_cast<uint16_t>(std::stoi(served.substr(served.find(':') + 1))));
  ASSERT_EQ(connect(connection.get(), reinterpret_cast<sockaddr*>(&address),
                    sizeof(address)),
            0);
  const std::string garbage(4096, '\xff');
  send(connection.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
  // Until the server has closed the connection: it has read the garbage then.
  const timeval patience = {.tv_sec = 30, .tv_usec = 0};
  setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
             sizeof(patience));
  std::string answer(4096, '\0');
  ssize_t count = 1;
  while (count > 0) {
    count = recv(connection.get(), answer.data(), answer.size(), 0);
  }
  EXPECT_TRUE(count == 0 || errno == ECONNRESET) << errno;
  v1::ListResponse list;
  EXPECT_TRUE(jobs_->List(NewContext().get(), {}, &list).ok());
}

TEST_F(BadInputTest, WorkerOfAnotherVersion) {
  FakeWorker worker(channel_, "w1");
  worker.report().set_version("9.9.9");
  EXPECT_FALSE(worker.Report());
  ExpectRefused(worker.Finish(), grpc::StatusCode::FAILED_PRECONDITION,
                "9.9.9");
}

TEST_F(BadInputTest, WorkerWithTheNameOfALivingOne) {
  FakeWorker first(channel_, "w1", /*incarnation=*/2);
  ASSERT_TRUE(first.Report());
  FakeWorker second(channel_, "w1", /*incarnation=*/1);
  EXPECT_FALSE(second.Report());
  ExpectRefused(second.Finish(), grpc::StatusCode::ALREADY_EXISTS, "w1");
}

TEST_F(BadInputTest, SecondCoordinatorOnTheStateDirectory) {
  const auto second = CoordinatorServer::Start(options_);
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(second.status().message()).find("is using it"),
            std::string::npos)
      << second.status();
}

TEST_F(BadInputTest, PortThatIsTaken) {
  CoordinatorServerOptions options = options_;
  options.state_directory = directory_ + "/other";
  options.listen = server_->address();
  const auto second = CoordinatorServer::Start(options);
  ASSERT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(second.status().message()).find("port is taken"),
            std::string::npos)
      << second.status();
}

TEST_F(BadInputTest, DamagedJournal) {
  StopServer();
  const std::string path = options_.state_directory + "/journal.db";
  ASSERT_TRUE(WriteFileAtomically(path, std::string(8192, 'g')).ok());
  const auto server = CoordinatorServer::Start(options_);
  ASSERT_EQ(server.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(
      std::string(server.status().message()).find("nothing was overwritten"),
      std::string::npos)
      << server.status();
}

// An empty message to each call: refused as the caller's mistake, with a
// message, and never as ours.
class EmptyMessageTest : public BadInputTest {
 protected:
  void ExpectRefused(const std::string& call, const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << call << ": " << status.error_message();
    EXPECT_NE(status.error_message(), "") << call;
  }

  v1::Job job_;
};

TEST_F(EmptyMessageTest, IsRefusedByEachCallOfJobs) {
  ExpectRefused("Submit", jobs_->Submit(NewContext().get(), {}, &job_));
  ExpectRefused("MakePlan", jobs_->MakePlan(NewContext().get(), {}, &job_));
  ExpectRefused("Get", jobs_->Get(NewContext().get(), {}, &job_));
  ExpectRefused("Cancel", jobs_->Cancel(NewContext().get(), {}, &job_));
  ExpectRefused("Pause", jobs_->Pause(NewContext().get(), {}, &job_));
  ExpectRefused("Resume", jobs_->Resume(NewContext().get(), {}, &job_));
  v1::GetTraceResponse trace;
  ExpectRefused("GetTrace", jobs_->GetTrace(NewContext().get(), {}, &trace));
}

TEST_F(EmptyMessageTest, IsRefusedByEachStreamOfJobs) {
  const auto watch = NewContext();
  ExpectRefused("Watch", jobs_->Watch(watch.get(), {})->Finish());
  const auto metrics = NewContext();
  ExpectRefused("WatchMetrics",
                jobs_->WatchMetrics(metrics.get(), {})->Finish());
  const auto logs = NewContext();
  ExpectRefused("ReadLogs", jobs_->ReadLogs(logs.get(), {})->Finish());
}

TEST_F(EmptyMessageTest, IsRefusedByTheOtherServices) {
  v1::Worker worker;
  ExpectRefused("Drain", workers_->Drain(NewContext().get(), {}, &worker));
  v1::ListCheckpointsResponse list;
  ExpectRefused("List", checkpoints_->List(NewContext().get(), {}, &list));
  FakeWorker fake(channel_, "w1");
  fake.report().Clear();
  fake.report().add_devices();
  fake.Report();
  ExpectRefused("Synchronize", fake.Finish());
}

}  // namespace
}  // namespace penstock
