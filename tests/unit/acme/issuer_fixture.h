// An Issuer over a fake directory and real files, with the clock in the test's hand.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "proxy/acme/issuer.h"
#include "tests/unit/acme/fake_directory.h"

namespace flaskscale::acme {

class IssuerTest : public testing::Test {
 protected:
  IssuerTest() {
    spdlog::set_level(spdlog::level::off);
    // In memory, where it can be: thousands of small files are written through to the disk here.
    std::error_code none;
    const std::filesystem::path memory = "/dev/shm";
    const auto base = std::filesystem::is_directory(memory, none)
                          ? memory
                          : std::filesystem::temp_directory_path();
    std::string pattern = (base / "acme-XXXXXX").string();
    root = mkdtemp(pattern.data());
    settings.url = FakeDirectory::kUrl;
    settings.email = "ops@example.com";
    settings.agree_terms = true;
    start();
  }
  ~IssuerTest() override { std::filesystem::remove_all(root); }

  // As after a crash: what is on the disk is all that is known.
  void start() {
    issuer.reset();
    board.entries.clear();
    store = std::make_unique<Store>(root + "/ca.test");
    for (const std::vector<std::string>& names : wanted)
      EXPECT_TRUE(store->ensure_pair(names, ca.now));
    issuer = std::make_unique<Issuer>(settings, pace, *store, board, ca, Random(7));
    issuer->want(wanted, ca.now);
  }

  void want(std::vector<std::vector<std::string>> certificates) {
    wanted = std::move(certificates);
    for (const std::vector<std::string>& names : wanted)
      EXPECT_TRUE(store->ensure_pair(names, ca.now));
    issuer->want(wanted, ca.now);
  }

  // One step and the wait that it asks for.
  void step() {
    const WallTime next = issuer->step(ca.now);
    ca.now = std::max(next, ca.now + std::chrono::milliseconds(50));
    // Whatever happens, there is a sound pair to serve.
    for (const std::vector<std::string>& names : wanted) EXPECT_TRUE(store->current(names.front()));
  }

  bool has_certificate(const std::string& name = "shop.example.com") {
    const auto facts = store->current(name);
    return facts && !facts->is_self_issued && facts->not_after > ca.now;
  }

  // Until the first has its certificate; false: not within that time.
  bool run(Duration patience = std::chrono::hours(48)) {
    const WallTime end = ca.now + std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    while (!has_certificate() && ca.now < end) step();
    return has_certificate();
  }

  JobStatus only_job() { return issuer->status().front(); }

  std::string root;
  FakeBoard board;
  FakeDirectory ca{[this](const std::string& token) { return board.look(token); }};
  Pace pace;
  DirectorySettings settings;
  std::vector<std::vector<std::string>> wanted = {{"shop.example.com", "www.example.com"}};
  std::unique_ptr<Store> store;
  std::unique_ptr<Issuer> issuer;
};

}  // namespace flaskscale::acme
