#include "coordinator/storage/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::StatusCode CodeOf(int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

const char* AdviceOn(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kResourceExhausted:
      return "; free some space and try again";
    case absl::StatusCode::kDataLoss:
      return "; nothing was overwritten: restore the file from a backup, or "
             "move it away to begin anew";
    case absl::StatusCode::kPermissionDenied:
      return "; check the owner and mode of the file and its directory";
    default:
      return "";
  }
}

}  // namespace

void Sqlite::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

void Sqlite::Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

absl::StatusOr<Sqlite> Sqlite::Open(const std::string& path) {
  Sqlite database;
  database.path_ = path;
  sqlite3* connection = nullptr;
  const int result = sqlite3_open_v2(
      path.c_str(), &connection,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      nullptr);
  database.connection_.reset(connection);
  if (result != SQLITE_OK) return database.ToStatus(result);
  sqlite3_extended_result_codes(connection, 1);
  return database;
}

absl::Status Sqlite::ToStatus(int code) const {
  const absl::StatusCode status_code = CodeOf(code);
  const char* message = connection_ != nullptr
                            ? sqlite3_errmsg(connection_.get())
                            : sqlite3_errstr(code);
  return absl::Status(status_code, fmt::format("{}: {}{}", path_, message,
                                               AdviceOn(status_code)));
}

absl::Status Sqlite::Execute(const std::string& sql) {
  const int result =
      sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? absl::OkStatus() : ToStatus(result);
}

absl::StatusOr<int64_t> Sqlite::QueryInteger(const std::string& sql) {
  ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Integer(0) : 0;
}

absl::StatusOr<Sqlite::Statement> Sqlite::Prepare(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  const int result =
      sqlite3_prepare_v2(connection_.get(), sql.c_str(),
                         static_cast<int>(sql.size()), &raw, nullptr);
  if (result != SQLITE_OK) return ToStatus(result);
  Statement statement;
  statement.statement_.reset(raw);
  statement.database_ = this;
  return statement;
}

Sqlite::Statement& Sqlite::Statement::Bind(int index, std::string_view text) {
  sqlite3_bind_text(statement_.get(), index + 1, text.data(),
                    static_cast<int>(text.size()), SQLITE_TRANSIENT);
  return *this;
}

Sqlite::Statement& Sqlite::Statement::BindBlob(int index,
                                               std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), index + 1, bytes.data(), bytes.size(),
                      SQLITE_TRANSIENT);
  return *this;
}

Sqlite::Statement& Sqlite::Statement::Bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_.get(), index + 1, value);
  return *this;
}

Sqlite::Statement& Sqlite::Statement::Bind(int index, double value) {
  sqlite3_bind_double(statement_.get(), index + 1, value);
  return *this;
}

absl::StatusOr<bool> Sqlite::Statement::Step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  const absl::Status status =
      result == SQLITE_DONE ? absl::OkStatus() : database_->ToStatus(result);
  sqlite3_reset(statement_.get());
  if (!status.ok()) return status;
  return false;
}

absl::Status Sqlite::Statement::Run() { return Step().status(); }

std::string Sqlite::Statement::Text(int column) const {
  // The pointer first: asking for the size first may convert the value.
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return std::string(static_cast<const char*>(bytes),
                     static_cast<size_t>(size));
}

int64_t Sqlite::Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Sqlite::Statement::Real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

absl::Status Sqlite::Transaction::Begin() {
  RETURN_IF_ERROR(database_.Execute("BEGIN IMMEDIATE"));
  open_ = true;
  return absl::OkStatus();
}

absl::Status Sqlite::Transaction::Commit() {
  RETURN_IF_ERROR(database_.Execute("COMMIT"));
  open_ = false;
  return absl::OkStatus();
}

Sqlite::Transaction::~Transaction() {
  // When SQLite has rolled back by itself (a full disk), this fails, and there
  // is nothing left to do.
  if (open_) static_cast<void>(database_.Execute("ROLLBACK"));
}

}  // namespace penstock
