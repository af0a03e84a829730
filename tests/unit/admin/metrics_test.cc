#include "proxy/admin/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include "tests/unit/admin/fake_status_source.h"

namespace flaskscale::admin {
namespace {

// Cuts the longest name ([a-z_][a-z0-9_]*) off the front; empty: there is none.
std::string take_name(std::string_view& text) {
  size_t end = 0;
  while (end < text.size() && (std::islower(text[end]) != 0 || text[end] == '_' ||
                               (end > 0 && std::isdigit(text[end]) != 0))) {
    ++end;
  }
  const std::string name(text.substr(0, end));
  text.remove_prefix(end);
  return name;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// Cuts `name="value"` off, whose value has only the three escapes there are.
bool take_label(std::string_view& text) {
  if (take_name(text).empty() || !take(text, '=') || !take(text, '"')) return false;
  while (!text.empty() && text.front() != '"') {
    if (take(text, '\\') && text.find_first_of("\"\\n") != 0) return false;
    if (!text.empty()) text.remove_prefix(1);
  }
  return take(text, '"');
}

// Cuts `{a="x",b="y"}` off, if there is one.
bool take_labels(std::string_view& text) {
  if (!take(text, '{')) return true;
  do {
    if (!take_label(text)) return false;
  } while (take(text, ','));
  return take(text, '}');
}

// A strict reader of the text exposition format 0.0.4: fails the test on what Prometheus would
// refuse or promtool would complain about.
class Scraped {
 public:
  explicit Scraped(const std::string& text) {
    EXPECT_TRUE(text.empty() || text.back() == '\n');
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read_line(line);
    for (const auto& [name, type] : types_) {
      EXPECT_TRUE(helps_.count(name) == 1) << name << " has no HELP";
      EXPECT_TRUE(used_.count(name) == 1) << name << " has no value";
      if (type == "counter") {
        EXPECT_THAT(name, testing::EndsWith("_total"));
      } else {
        EXPECT_THAT(name, testing::Not(testing::EndsWith("_total")));
      }
      if (type == "histogram") check_histogram(name);
    }
  }

  bool has(const std::string& series) const { return values_.count(series) == 1; }
  double operator[](const std::string& series) const {
    const auto found = values_.find(series);
    EXPECT_NE(found, values_.end()) << series;
    return found == values_.end() ? std::nan("") : found->second;
  }
  std::string type(const std::string& family) const {
    const auto found = types_.find(family);
    return found == types_.end() ? "" : found->second;
  }

 private:
  void read_line(const std::string& line) {
    std::string_view rest = line;
    if (rest.substr(0, 2) == "# ") {
      read_comment(line);
      return;
    }
    const std::string name = take_name(rest);
    const size_t labels_begin = line.size() - rest.size();
    ASSERT_TRUE(!name.empty() && take_labels(rest)) << line;
    const std::string labels = line.substr(labels_begin, line.size() - rest.size() - labels_begin);
    ASSERT_TRUE(take(rest, ' ') && !rest.empty()) << line;
    const bool is_histogram = types_[family_] == "histogram";
    const std::set<std::string> expected =
        is_histogram
            ? std::set<std::string>{family_ + "_bucket", family_ + "_sum", family_ + "_count"}
            : std::set<std::string>{family_};
    EXPECT_EQ(expected.count(name), 1U) << line;
    used_.insert(family_);
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + line.size() - rest.size(), &end);
    EXPECT_EQ(*end, '\0') << line;
    EXPECT_TRUE(values_.emplace(name + labels, value).second) << "twice: " << line;
    if (name == family_ + "_bucket") buckets_[family_].push_back({labels, value});
  }

  // "# HELP name text" or "# TYPE name type", each once for a family.
  void read_comment(const std::string& line) {
    const std::string kind = line.substr(2, 4);
    ASSERT_TRUE(kind == "HELP" || kind == "TYPE") << line;
    std::string_view rest = std::string_view(line).substr(6);
    ASSERT_TRUE(take(rest, ' ')) << line;
    family_ = take_name(rest);
    ASSERT_TRUE(!family_.empty() && take(rest, ' ') && !rest.empty()) << line;
    auto& known = kind == "HELP" ? helps_ : types_;
    EXPECT_TRUE(known.emplace(family_, rest).second) << line;
  }

  void check_histogram(const std::string& name) {
    std::map<std::string, double> last;
    for (const auto& [labels, count] : buckets_[name]) {
      const std::string pool = labels.substr(0, labels.find(",le="));
      EXPECT_GE(count, last[pool]) << name << labels;
      last[pool] = count;
      if (labels.find("le=\"+Inf\"") != std::string::npos) {
        EXPECT_EQ(values_.at(name + "_count" + pool + "}"), count);
      }
    }
  }

  std::string family_;
  std::map<std::string, std::string> helps_;
  std::map<std::string, std::string> types_;
  std::set<std::string> used_;
  std::map<std::string, double> values_;
  std::map<std::string, std::vector<std::pair<std::string, double>>> buckets_;
};

Scraped scrape(const FakeStatusSource& source) { return Scraped(render_metrics(source.server)); }

TEST(Metrics, ShowTheServer) {
  const Scraped metrics = scrape(FakeStatusSource());

  EXPECT_EQ(metrics["flaskscale_build_info{version=\"0.1.0\",commit=\"abc1234\"}"], 1);
  EXPECT_EQ(metrics["flaskscale_config_generation"], 7);
  EXPECT_EQ(metrics["flaskscale_config_last_reload_success"], 1);
  EXPECT_EQ(metrics["flaskscale_connections"], 12);
  EXPECT_EQ(metrics["flaskscale_connections_total"], 14);
  EXPECT_EQ(metrics["flaskscale_access_log_dropped_total"], 9);
  EXPECT_EQ(metrics["flaskscale_no_route_total"], 1);
  EXPECT_EQ(metrics["flaskscale_malformed_requests_total{reason=\"bad_header_name\"}"], 1);
  EXPECT_DOUBLE_EQ(metrics["process_start_time_seconds"], 1767323045);
  EXPECT_GT(metrics["process_resident_memory_bytes"], 0);
  EXPECT_GT(metrics["process_open_fds"], 2);
}

TEST(Metrics, ShowTrafficByPool) {
  const Scraped metrics = scrape(FakeStatusSource());

  EXPECT_EQ(metrics["flaskscale_requests_total{pool=\"demo\",code=\"200\"}"], 120);
  EXPECT_EQ(metrics["flaskscale_requests_total{pool=\"demo\",code=\"503\"}"], 1);
  EXPECT_EQ(metrics["flaskscale_requests_total{pool=\"demo\",code=\"none\"}"], 1);
  EXPECT_FALSE(metrics.has("flaskscale_requests_total{pool=\"demo\",code=\"201\"}"));
  EXPECT_EQ(metrics["flaskscale_refused_total{pool=\"demo\",reason=\"queue_full\"}"], 1);
  EXPECT_EQ(metrics["flaskscale_refused_total{pool=\"plain\",reason=\"no_capacity\"}"], 0);
  EXPECT_EQ(metrics["flaskscale_failed_total{pool=\"demo\",reason=\"connect_failed\"}"], 1);
  EXPECT_FALSE(metrics.has("flaskscale_failed_total{pool=\"demo\",reason=\"ok\"}"));
  EXPECT_FALSE(metrics.has("flaskscale_failed_total{pool=\"demo\",reason=\"queue_full\"}"));
  EXPECT_EQ(metrics["flaskscale_retries_total{pool=\"demo\"}"], 2);
}

TEST(Metrics, ShowLatencyAsHistograms) {
  const Scraped metrics = scrape(FakeStatusSource());

  EXPECT_EQ(metrics.type("flaskscale_request_duration_seconds"), "histogram");
  EXPECT_EQ(metrics.type("flaskscale_queue_wait_seconds"), "histogram");
  EXPECT_EQ(metrics["flaskscale_request_duration_seconds_count{pool=\"demo\"}"], 124);
  EXPECT_NEAR(metrics["flaskscale_request_duration_seconds_sum{pool=\"demo\"}"], 1.24, 1e-9);
  EXPECT_EQ(metrics["flaskscale_request_duration_seconds_bucket{pool=\"demo\",le=\"0.007\"}"], 0);
  EXPECT_EQ(metrics["flaskscale_request_duration_seconds_bucket{pool=\"demo\",le=\"0.01\"}"], 124);
  EXPECT_EQ(metrics["flaskscale_request_duration_seconds_bucket{pool=\"demo\",le=\"+Inf\"}"], 124);
  EXPECT_EQ(metrics["flaskscale_queue_wait_seconds_bucket{pool=\"demo\",le=\"0.001\"}"], 124);
}

TEST(Metrics, ShowQueueAndBackends) {
  const Scraped metrics = scrape(FakeStatusSource());

  EXPECT_EQ(metrics["flaskscale_queue_depth{pool=\"demo\"}"], 5);
  EXPECT_EQ(metrics["flaskscale_queue_oldest_seconds{pool=\"demo\"}"], 0.75);
  EXPECT_EQ(metrics["flaskscale_idle_slot_while_queued_seconds_total{pool=\"demo\"}"], 0);
  EXPECT_EQ(metrics["flaskscale_in_flight{pool=\"demo\"}"], 3);
  EXPECT_EQ(metrics["flaskscale_slots{pool=\"demo\"}"], 4);
  EXPECT_TRUE(std::isinf(metrics["flaskscale_slots{pool=\"plain\"}"]));
  EXPECT_EQ(metrics["flaskscale_backend_up{pool=\"demo\",backend=\"127.0.0.1:5001\"}"], 1);
  EXPECT_EQ(metrics["flaskscale_backend_in_flight{pool=\"demo\",backend=\"127.0.0.1:5001\"}"], 1);
  EXPECT_EQ(metrics["flaskscale_backend_draining{pool=\"demo\",backend=\"[::1]:5002\"}"], 1);
}

TEST(Metrics, ShowTheScaler) {
  const Scraped metrics = scrape(FakeStatusSource());

  EXPECT_EQ(metrics["flaskscale_instances{pool=\"demo\",state=\"booting\"}"], 1);
  EXPECT_EQ(metrics["flaskscale_instances{pool=\"demo\",state=\"standby\"}"], 2);
  EXPECT_EQ(metrics["flaskscale_instances_desired{pool=\"demo\"}"], 3);
  EXPECT_EQ(metrics["flaskscale_scaler_alarms{pool=\"demo\",alarm=\"stockout\"}"], 1);
  EXPECT_EQ(metrics["flaskscale_hook_events_total{pool=\"demo\",result=\"delivered\"}"], 5);
  EXPECT_EQ(metrics["flaskscale_scaler_decisions_total{pool=\"demo\",action=\"scale_out\","
                    "reason=\"offered_load\"}"],
            3);
  EXPECT_EQ(metrics["flaskscale_offered_load{pool=\"demo\"}"], 2.4);
  EXPECT_EQ(metrics["flaskscale_boot_seconds{pool=\"demo\"}"], 3.1);
  EXPECT_FALSE(metrics.has("flaskscale_instances_desired{pool=\"plain\"}"));
}

TEST(Metrics, LeaveOutFamiliesWithoutValues) {
  FakeStatusSource source;
  source.server.pools.clear();

  const std::string text = render_metrics(source.server);

  const Scraped metrics(text);
  EXPECT_EQ(metrics.type("flaskscale_queue_depth"), "");
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("flaskscale_instances")));
}

TEST(Metrics, EscapeLabelValues) {
  FakeStatusSource source;
  source.server.pools[0].name = "a\"b\\c\nd";

  EXPECT_EQ(scrape(source)["flaskscale_queue_depth{pool=\"a\\\"b\\\\c\\nd\"}"], 5);
}

}  // namespace
}  // namespace flaskscale::admin
