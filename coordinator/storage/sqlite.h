#ifndef COORDINATOR_STORAGE_SQLITE_H_
#define COORDINATOR_STORAGE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace penstock {

// One connection to an SQLite database, with absl::Status for result codes.
// Thread-compatible.
//
// Errors of all functions, with the file's name in the message:
//   ResourceExhausted: the disk, or the size allowed, is full.
//   DataLoss: not a database, or damaged.
//   PermissionDenied: the file cannot be opened or written.
//   Unavailable: input and output failed, or another process holds the file.
//   Internal: anything else, i.e. a mistake in our SQL.
class Sqlite {
 public:
  // Opens `path`, or creates it.
  static absl::StatusOr<Sqlite> Open(const std::string& path);

  // Runs SQL without results.
  absl::Status Execute(const std::string& sql);

  // The first column of the first row, as PRAGMA answers; 0 without a row.
  absl::StatusOr<int64_t> QueryInteger(const std::string& sql);

  // Rolls back on destruction unless committed.
  class Transaction {
   public:
    explicit Transaction(Sqlite& database) : database_(database) {}
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    absl::Status Begin();
    absl::Status Commit();

   private:
    Sqlite& database_;
    bool open_ = false;
  };

  // A prepared statement; parameters and columns count from 0. Must not outlive
  // its Sqlite.
  class Statement {
   public:
    Statement& Bind(int index, std::string_view text);
    Statement& BindBlob(int index, std::string_view bytes);
    Statement& Bind(int index, int64_t value);
    Statement& Bind(int index, double value);

    // True when there is a row; false at the end, and the statement can be
    // bound again.
    absl::StatusOr<bool> Step();
    // Step for a statement without rows.
    absl::Status Run();

    // Of the current row; of a blob the bytes.
    std::string Text(int column) const;
    int64_t Integer(int column) const;
    double Real(int column) const;

   private:
    friend class Sqlite;
    struct Finalize {
      void operator()(sqlite3_stmt* statement) const;
    };

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    const Sqlite* database_ = nullptr;
  };

  absl::StatusOr<Statement> Prepare(const std::string& sql);

  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };

  absl::Status ToStatus(int code) const;

  std::unique_ptr<sqlite3, Close> connection_;
  std::string path_;
};

}  // namespace penstock

#endif  // COORDINATOR_STORAGE_SQLITE_H_
