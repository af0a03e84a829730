// Schedules and hooks: schedule and on_event of [pools.NAME.scaling].
#include <algorithm>
#include <chrono>

#include "base/cron.h"
#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

constexpr Range<Duration> kScheduled = {std::chrono::minutes(1), std::chrono::hours(7 * 24)};
constexpr size_t kMostEntries = 100;
constexpr size_t kMostHooks = 8;

void require(TableReader& entry, std::string_view key, std::string_view hint) {
  if (entry.node().find(key) != nullptr) return;
  entry.problems().add(entry.node().source, entry.path_of(key) + " is missing", std::string(hint));
}

void read_entry(TableReader entry, uint32_t max, ScheduleModel& model) {
  require(entry, "cron", "such as cron = \"0 8 * * MON-FRI\"");
  require(entry, "duration", "such as duration = \"2h\"");
  require(entry, "min", "how many instances there should be at least");
  if (const Node* cron = entry.text("cron")) {
    model.cron = cron->text;
    if (const Result<Cron> parsed = Cron::parse(cron->text); !parsed) {
      entry.problems().add(
          cron->source, entry.path_of("cron") + ": " + parsed.error().detail,
          "five fields: minute, hour, day of month, month, day of week; \"0 8 * * MON-FRI\"");
    }
  }
  entry.read_duration("duration", model.duration, kScheduled);
  entry.read_count("min", model.min, {1, max});
  entry.reject_unknown_keys();
}

class HookReader {
 public:
  HookReader(TableReader& scaling, const ReadContext& context, std::vector<HookModel>& hooks)
      : scaling_(scaling), context_(context), hooks_(hooks) {}

  void read(const Node& value) {
    if (value.kind == NodeKind::text) {
      if (!value.text.empty()) add_url(value);
    } else if (value.kind != NodeKind::array) {
      reject(value);
    } else if (is_command(value)) {
      add_command(value);
    } else {
      for (const Node& item : value.items) read_item(item);
    }
    if (hooks_.size() <= kMostHooks) return;
    scaling_.problems().add(value.source, path_ + " must hold at most " +
                                              std::to_string(kMostHooks) + " hooks, not " +
                                              std::to_string(hooks_.size()));
  }

 private:
  // A list of words, the first of which is no URL.
  static bool is_command(const Node& list) {
    const auto is_text = [](const Node& item) { return item.kind == NodeKind::text; };
    return !list.items.empty() && std::all_of(list.items.begin(), list.items.end(), is_text) &&
           !is_http_url(list.items.front().text);
  }

  void read_item(const Node& item) {
    if (item.kind == NodeKind::text) {
      add_url(item);
    } else if (item.kind == NodeKind::array && is_command(item)) {
      add_command(item);
    } else {
      reject(item);
    }
  }

  void add_url(const Node& url) {
    if (!is_http_url(url.text)) {
      reject(url);
    } else {
      hooks_.push_back({url.text, {}, {}});
    }
  }

  void add_command(const Node& words) {
    static const Variables kNone;
    HookModel hook;
    hook.directory = context_.base_directory;
    for (const Node& word : words.items) hook.command.push_back(word.text);
    check_command(scaling_.problems(), path_, words.items.front().source, hook.command,
                  {context_, Use::used, context_.base_directory, kNone});
    hooks_.push_back(std::move(hook));
  }

  void reject(const Node& value) {
    scaling_.problems().add(value.source, path_ + " must be a URL, a command or a list of these",
                            "\"https://…\", [\"./notify.sh\", \"word\"], or "
                            "[\"https://…\", [\"./notify.sh\"]]");
  }

  TableReader& scaling_;
  const ReadContext& context_;
  std::vector<HookModel>& hooks_;
  const std::string path_ = scaling_.path_of("on_event");
};

}  // namespace

void read_schedule(TableReader& scaling, uint32_t max, std::vector<ScheduleModel>& schedule) {
  const Node* list = scaling.array("schedule");
  if (list == nullptr) return;
  const std::string path = scaling.path_of("schedule");
  if (list->items.size() > kMostEntries) {
    scaling.problems().add(list->source, path + " must hold at most " +
                                             std::to_string(kMostEntries) + " entries, not " +
                                             std::to_string(list->items.size()));
  }
  for (const Node& item : list->items) {
    if (item.kind != NodeKind::table) {
      scaling.problems().add(item.source,
                             path + " must hold tables, not " + std::string(describe(item.kind)),
                             "{ cron = \"0 8 * * MON-FRI\", duration = \"2h\", min = 5 }");
      continue;
    }
    ScheduleModel entry;
    read_entry(TableReader(item, path, scaling.problems()), max, entry);
    schedule.push_back(std::move(entry));
  }
}

void read_hooks(TableReader& scaling, const ReadContext& context, std::vector<HookModel>& hooks) {
  if (const Node* value = scaling.value("on_event")) {
    HookReader(scaling, context, hooks).read(*value);
  }
}

}  // namespace flaskscale::config
