#include "scaler/providers/gce_lease.h"

#include <utility>

namespace flaskscale::scaler {
namespace {

constexpr std::string_view kBegin = "[flaskscale ";
constexpr std::string_view kOwner = "owner=";
constexpr std::string_view kChallenger = "challenger=";
constexpr Duration kBetweenChallenges = std::chrono::minutes(5);

// The word after `key`, up to a blank or the closing bracket.
std::string word_after(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return "";
  text.remove_prefix(at + key.size());
  return std::string(text.substr(0, text.find_first_of(" ]")));
}

}  // namespace

GceLease::Claim GceLease::parse(const std::string& description) {
  Claim claim;
  const size_t at = description.rfind(kBegin);
  claim.before = description.substr(0, at);
  while (claim.before.ends_with(' ')) claim.before.pop_back();
  if (at == std::string::npos) return claim;
  const std::string_view text = std::string_view(description).substr(at + kBegin.size());
  claim.owner = word_after(text, kOwner);
  claim.challenger = word_after(text, kChallenger);
  return claim;
}

std::string GceLease::text_of(const Claim& claim) {
  std::string text = claim.before;
  if (!text.empty()) text += ' ';
  text += std::string(kBegin) + std::string(kOwner) + claim.owner;
  if (!claim.challenger.empty()) text += " " + std::string(kChallenger) + claim.challenger;
  return text + "]";
}

std::optional<std::string> GceLease::look_at(const std::string& description, Time now) {
  if (owner_.empty()) return std::nullopt;
  Claim claim = parse(description);
  const bool is_ours = claim.owner == owner_;
  is_held_ = is_ours;
  holder_ = is_ours ? "" : claim.owner;
  if (is_ours || claim.owner.empty()) {
    challenged_at_.reset();
    if (is_ours && claim.challenger.empty()) return std::nullopt;
    claim.owner = owner_;
    claim.challenger.clear();
    written_owner_ = owner_;
    return text_of(claim);
  }
  return challenge(std::move(claim), now);
}

std::optional<std::string> GceLease::challenge(Claim claim, Time now) {
  if (claim.challenger == owner_) {
    if (!challenged_at_) challenged_at_ = now;
    if (now - *challenged_at_ < patience_) return std::nullopt;
    claim.owner = owner_;
    claim.challenger.clear();
    written_owner_ = owner_;
    return text_of(claim);
  }
  if (challenged_at_) {  // it was struck out: the owner lives
    challenged_at_.reset();
    next_challenge_at_ = now + kBetweenChallenges;
  }
  if (next_challenge_at_ && now < *next_challenge_at_) return std::nullopt;
  next_challenge_at_ = now + kBetweenChallenges;
  claim.challenger = owner_;
  written_owner_ = claim.owner;
  return text_of(claim);
}

void GceLease::on_written() {
  is_held_ = written_owner_ == owner_;
  if (is_held_) holder_.clear();
}

void GceLease::on_unwritable() { is_held_ = is_held_ || holder_.empty(); }

}  // namespace flaskscale::scaler
