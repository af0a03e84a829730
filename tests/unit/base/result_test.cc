#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace flaskscale {
namespace {

TEST(Result, HoldsAValue) {
  const Result<int> result = 7;

  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(*result, 7);
}

TEST(Result, HoldsAnError) {
  const Result<int> result = make_error(ErrorCode::not_found, "open x");

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::not_found);
  EXPECT_EQ(result.error().detail, "open x");
  EXPECT_EQ(result.error().origin, Origin::internal);
  EXPECT_EQ(result.error().retry, Retry::never);
}

TEST(Result, GivesAFallbackForAnError) {
  EXPECT_EQ(Result<int>(make_error(ErrorCode::internal, "")).value_or(3), 3);
  EXPECT_EQ(Result<int>(4).value_or(3), 4);
}

TEST(Result, MovesItsValueOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);

  const std::unique_ptr<int> taken = *std::move(result);

  EXPECT_EQ(*taken, 5);
}

TEST(Result, OfNothingIsGoodOrAnError) {
  const Result<void> good;
  const Result<void> bad = make_error(ErrorCode::cancelled, "x");

  EXPECT_TRUE(good);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::cancelled);
}

TEST(ResultDeathTest, EndsTheProgramWhenTheValueIsMissing) {
  const Result<int> result = make_error(ErrorCode::internal, "");
  EXPECT_DEATH((void)*result, "broken invariant");
}

TEST(ErrorFromErrno, NamesWhatWasTried) {
  const Error error = error_from_errno(ENOENT, "open /x");

  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_EQ(error.detail, "open /x: No such file or directory");
  EXPECT_EQ(to_string(error.code), "not_found");
}

TEST(ErrorFromErrno, KnowsTheUsualNumbers) {
  EXPECT_EQ(error_from_errno(EADDRINUSE, "").code, ErrorCode::address_in_use);
  EXPECT_EQ(error_from_errno(EACCES, "").code, ErrorCode::permission_denied);
  EXPECT_EQ(error_from_errno(ECONNREFUSED, "").code, ErrorCode::connect_failed);
  EXPECT_EQ(error_from_errno(ETIMEDOUT, "").code, ErrorCode::timed_out);
  EXPECT_EQ(error_from_errno(ECONNRESET, "").code, ErrorCode::closed_by_peer);
  EXPECT_EQ(error_from_errno(EIO, "").code, ErrorCode::io_error);
}

}  // namespace
}  // namespace flaskscale
